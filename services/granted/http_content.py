"""Response bodies: decompressed while they arrive, and cut off where the limit is."""

import zlib
from collections.abc import Iterable, Iterator

from services.granted.http_connections import Broken, Head


class TooLarge(Exception):
    pass


ACCEPTED_ENCODINGS = "gzip, deflate"
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15
_DECODE_STEP = 256 * 1024


def read_whole(head: Head, chunks: Iterable[bytes], limit: int) -> bytes:
    """The decoded body. The limit counts decoded bytes, so a small bomb is as large as what it unpacks to."""
    announced = head.first("content-length")
    if announced is not None and announced.isdecimal() and int(announced) > limit:
        raise TooLarge
    body = bytearray()
    for piece in _decoded(head, _limited(chunks, limit)):
        body += piece
        if len(body) > limit:
            raise TooLarge
    return bytes(body)


def _limited(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Encoded bytes are limited as well: a stream of empty compressed blocks decodes to nothing, for ever."""
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > limit:
            raise TooLarge
        yield chunk


def _decoded(head: Head, chunks: Iterable[bytes]) -> Iterable[bytes]:
    encodings = [part.strip().lower() for value in head.values("content-encoding") for part in value.split(",")]
    encodings = [encoding for encoding in encodings if encoding not in ("", "identity")]
    if not encodings:
        return chunks
    if len(encodings) > 1 or encodings[0] not in ("gzip", "x-gzip", "deflate"):
        raise Broken(f"The server used a content encoding that was not asked for: {', '.join(encodings)[:80]}")
    return _decompress(chunks)


def _decompress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    decoder, is_first = zlib.decompressobj(_GZIP_OR_ZLIB), True
    for chunk in chunks:
        if is_first and not _looks_wrapped(chunk):
            decoder = zlib.decompressobj(_RAW_DEFLATE)
        is_first = False
        packed = chunk
        while packed:
            if decoder.eof:  # gzip members may follow one another
                decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                yield decoder.decompress(packed, _DECODE_STEP)
            except zlib.error:
                raise Broken("The compressed body is damaged") from None
            packed = decoder.unconsumed_tail or decoder.unused_data
    while not is_first and not decoder.eof:
        piece = decoder.decompress(b"", _DECODE_STEP)
        if not piece:
            raise Broken("The compressed body ends too early")
        yield piece


def _looks_wrapped(start: bytes) -> bool:
    """`deflate` means zlib, but some servers send it bare; a zlib or gzip wrapper is known by its first byte."""
    return start[0] & 0x0F == 8 or start[0] == 0x1F
