"""sdk.crypto, answered inside the engine process: pure functions, nothing granted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

ALGORITHMS = ("sha256", "sha384", "sha512", "sha1", "md5")
MOST_RANDOM_BYTES = 8_192


def answer(request: str) -> str:
    """The JSON answer to a JSON request `[operation, arguments]`; a wrong request is answered with its error."""
    try:
        operation, arguments = json.loads(request)
        return json.dumps({"value": _OPERATIONS[operation](*arguments)})
    except (ValueError, TypeError, KeyError) as error:
        return json.dumps({"error": str(error) if type(error) is ValueError else "bad arguments"})


def _hash(algorithm: Any, data: dict[str, str], encoding: Any) -> str:
    return _encoded(hashlib.new(_algorithm(algorithm), _bytes(data)).digest(), encoding)


def _hmac(algorithm: Any, key: dict[str, str], data: dict[str, str], encoding: Any) -> str:
    return _encoded(hmac.digest(_bytes(key), _bytes(data), _algorithm(algorithm)), encoding)


def _equal(left: dict[str, str], right: dict[str, str]) -> bool:
    return hmac.compare_digest(_bytes(left), _bytes(right))


def _random_bytes(size: Any) -> str:
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= MOST_RANDOM_BYTES:
        raise ValueError(f"randomBytes takes 0 to {MOST_RANDOM_BYTES}")
    return os.urandom(size).hex()


def _uuid() -> str:
    return str(uuid.UUID(bytes=os.urandom(16), version=4))


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "hash": _hash,
    "hmac": _hmac,
    "equal": _equal,
    "bytes": _random_bytes,
    "uuid": _uuid,
}


def _algorithm(name: Any) -> str:
    plain = name.replace("-", "").lower() if isinstance(name, str) else ""
    if plain not in ALGORITHMS:
        raise ValueError(f"unknown algorithm; known are {', '.join(ALGORITHMS)}")
    return plain


def _bytes(material: dict[str, str]) -> bytes:
    return bytes.fromhex(material["hex"]) if "hex" in material else material["text"].encode("utf-8", "replace")


def _encoded(digest: bytes, encoding: Any) -> str:
    if encoding == "hex":
        return digest.hex()
    if encoding == "base64":
        return base64.b64encode(digest).decode()
    if encoding == "base64url":
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    raise ValueError("unknown encoding; known are hex, base64, base64url")
