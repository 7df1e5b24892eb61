"""sdk.cache: keys and values checked for their shape, handed to the granted cache.

Bound twice: for the script's own keys, and as `shared` for those of all scripts of the workspace.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol

from runtime.errors import HostError

MAX_KEY = 200
MAX_SAFE_INTEGER = 2**53 - 1


class GrantedCache(Protocol):
    def get(self, key: str) -> Any: ...
    def set(self, key: str, value: Any, ttl: float | None) -> None: ...
    def delete(self, key: str) -> bool: ...
    def exists(self, key: str) -> bool: ...
    def increment(self, key: str, delta: int) -> int: ...
    def expire(self, key: str, ttl: float) -> bool: ...


class OwnAndShared(Protocol):
    @property
    def own(self) -> GrantedCache: ...
    @property
    def shared(self) -> GrantedCache: ...


class Grants(Protocol):
    @property
    def cache(self) -> OwnAndShared: ...


class CacheApi:
    name = "cache"

    def bind(self, grants: Grants) -> Mapping[str, Any]:
        return {**_functions(grants.cache.own), "shared": _functions(grants.cache.shared)}


def _functions(cache: GrantedCache) -> dict[str, Callable[..., Any]]:
    def get(key: object = None, *_: object) -> Any:
        return cache.get(_key(key))

    def set_(key: object = None, value: Any = None, ttl: object = None, *_: object) -> None:
        cache.set(_key(key), value, None if ttl is None else _seconds(ttl))

    def delete(key: object = None, *_: object) -> bool:
        return cache.delete(_key(key))

    def exists(key: object = None, *_: object) -> bool:
        return cache.exists(_key(key))

    def increment(key: object = None, delta: object = None, *_: object) -> int:
        return cache.increment(_key(key), 1 if delta is None else _whole(delta))

    def expire(key: object = None, ttl: object = None, *_: object) -> bool:
        return cache.expire(_key(key), _seconds(ttl))

    return {"get": get, "set": set_, "delete": delete, "exists": exists, "increment": increment, "expire": expire}


def _key(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_KEY:
        _refuse(f"a key is a text of 1 to {MAX_KEY} characters")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 and math.isfinite(value)):
        _refuse("the time to live is a positive number of seconds")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_SAFE_INTEGER:
        _refuse("the step is a whole number")
    return value


def _refuse(what: str) -> NoReturn:
    raise HostError("INVALID_INPUT", f"sdk.cache: {what}")
