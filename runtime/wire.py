"""Frames between an engine and its parent: length, one letter, bytes. What arrives is believed only after checking."""

from __future__ import annotations

import json
import re
import socket
import struct
from typing import Any

HEADER = struct.Struct("<IB")

# From the parent.
RUN, ANSWER, CHECK, PING = b"r", b"a", b"c", b"p"
# From the engine.
READY, STARTED, CALL, LOGS, VALUE, ERROR, END, VERDICT, PONG = b"R", b"S", b"C", b"L", b"V", b"X", b"M", b"Y", b"P"

MAX_DEPTH = 128
_LONE_SURROGATES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)


class ProtocolError(Exception):
    """The other side sent what no honest engine sends."""


class NotJson(ValueError):
    """Text that is not JSON we are willing to keep."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    return HEADER.pack(len(payload), kind[0]) + payload


def receive_exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = sock.recv_into(view[got:])
        if not count:
            raise EOFError
        got += count
    return bytes(data)


def receive(sock: socket.socket, most: int) -> tuple[bytes, bytes]:
    """One frame; a longer one than `most` is refused before a byte of it is kept."""
    size, kind = HEADER.unpack(receive_exactly(sock, HEADER.size))
    if size > most:
        raise ProtocolError(f"frame of {size} bytes")
    return bytes([kind]), receive_exactly(sock, size)


def encode(value: Any) -> str:
    """JSON in ASCII, so that any text, lone surrogates too, reaches the engine unharmed."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise NotJson(str(error)) from None


def decode(payload: bytes) -> Any:
    """The value of untrusted JSON: finite numbers, whole characters, and no deeper than later code can bear."""
    try:
        text = payload.decode()
        if "\\u" in text:
            text = _LONE_SURROGATES.sub(_whole_character, text)
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_number)
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH and _too_deep(value):
        raise NotJson("nested too deeply")
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
