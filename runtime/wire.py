"""Frames between an engine and its parent: length, one letter, bytes. What arrives is believed only after checking."""

from __future__ import annotations

import json
import re
import select
import socket
import struct
from typing import Any

HEADER = struct.Struct("<IB")
CHUNK = 64 * 1024
_SIZES = struct.Struct("<III")
_RUN_NUMBER = struct.Struct("<I")

# From the parent.
RUN, ANSWER, CHECK, PING = b"r", b"a", b"c", b"p"
# From the engine.
READY, RESTED, CALL, LOGS, VALUE, ERROR, END, VERDICT, PONG = b"R", b"S", b"C", b"L", b"V", b"X", b"M", b"Y", b"P"

MAX_DEPTH = 128
_LONE_SURROGATES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)


class ProtocolError(Exception):
    """The other side sent what no honest engine sends."""


class NotJson(ValueError):
    """Text that is not JSON we are willing to keep."""


class TooDeep(NotJson):
    """JSON nested deeper than later code can bear."""

    def __init__(self) -> None:
        super().__init__("nested too deeply")


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    return HEADER.pack(len(payload), kind[0]) + payload


class Inbox:
    """Frames as they come from a socket, several in one read when they are there."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._buffer = sock, bytearray()
        self._ears = select.poll()
        self._ears.register(sock, select.POLLIN)

    def readable(self, timeout_ms: float = 0) -> bool:
        """Whether there is something to be read, or an end, now or in so many milliseconds."""
        return bool(self._ears.poll(timeout_ms))

    def take(self, most: int) -> tuple[bytes, bytes] | None:
        """A frame that is here whole; one longer than `most` is refused before it is kept."""
        if len(self._buffer) < HEADER.size:
            return None
        size, kind = HEADER.unpack_from(self._buffer)
        if size > most:
            raise ProtocolError(f"frame of {size} bytes")
        end = HEADER.size + size
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER.size : end])
        del self._buffer[:end]
        return bytes((kind,)), payload

    def drop(self, kind: bytes) -> bool:
        """Whether a frame of that kind, with nothing in it, was next; if so it is gone."""
        whole = frame(kind)
        found = self._buffer.startswith(whole)
        if found:
            del self._buffer[: len(whole)]
        return found

    def fill(self) -> None:
        """Wait for more bytes."""
        data = self._sock.recv(CHUNK)
        if not data:
            raise EOFError
        self._buffer += data

    def receive(self, most: int) -> tuple[bytes, bytes]:
        """Wait for the next frame."""
        while (whole := self.take(most)) is None:
            self.fill()
        return whole


def pack_order(order: dict[str, Any], source: str, settings: str) -> bytes:
    """A run on the wire: three sizes, then order, source and settings."""
    parts = json.dumps(order).encode(), source.encode(), settings.encode()
    return b"".join((_SIZES.pack(*map(len, parts)), *parts))


def unpack_order(payload: bytes) -> tuple[dict[str, Any], str, bytes]:
    order, source, _ = _SIZES.unpack_from(payload)
    at = _SIZES.size
    return (
        json.loads(payload[at : at + order]),
        payload[at + order : at + order + source].decode(),
        payload[at + order + source :],
    )


def pack_answer(run: int, message: bytes) -> bytes:
    """An answer names its run: one that comes late must not reach the next."""
    return _RUN_NUMBER.pack(run) + message


def unpack_answer(payload: bytes) -> tuple[int, bytes]:
    return _RUN_NUMBER.unpack_from(payload)[0], payload[_RUN_NUMBER.size :]


def encode(value: Any) -> str:
    """JSON in ASCII, so that any text, lone surrogates too, reaches the engine unharmed."""
    try:
        return _encode(value)
    except RecursionError:
        raise TooDeep from None
    except (TypeError, ValueError) as error:
        raise NotJson(str(error)) from None


def decode(payload: bytes) -> Any:
    """The value of untrusted JSON: finite numbers, whole characters, and no deeper than later code can bear."""
    try:
        text = payload.decode()
        if "\\u" in text:
            text = _LONE_SURROGATES.sub(_whole_character, text)
        value = _decode(text)
    except RecursionError:
        raise TooDeep from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH and _too_deep(value):
        raise TooDeep
    return value


def _whole_character(match: re.Match[str]) -> str:
    escape = match[0]
    return "\\ufffd" if len(escape) == 6 else escape


def _refuse_constant(name: str) -> Any:
    raise NotJson(f"{name} is not JSON")


def _number(text: str) -> int | float:
    """JavaScript writes large doubles as whole numbers; beyond 2**53 only a float has the value it meant."""
    if len(text) <= 15 or abs(_finite(text)) <= 2**53:
        return int(text)
    return float(text)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise NotJson(f"{text} is too large a number")
    return number


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = (
            [
                child
                for item in level
                for child in (item.values() if isinstance(item, dict) else item)
                if isinstance(child, (dict, list))
            ]
            if isinstance(level[0], (dict, list))
            else []
        )
        if not level:
            return False
    return True


# Made once: json.dumps and json.loads with arguments make theirs anew every time.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_number).decode
