"""sdk.once: the prelude runs the script's function between `begin` and `finish` (or `fail`); here is who may.

`begin` answers {state: "run", token}, {state: "done", value} or, when another run has been at it for a while,
{state: "wait", retry_ms}: the prelude then asks again.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runtime.errors import HostError

MAX_KEY = 200


class GrantedOnce(Protocol):
    def begin(self, key: str) -> dict[str, Any]: ...
    def finish(self, key: str, token: str, value: Any) -> None: ...
    def fail(self, key: str, token: str) -> None: ...


class Grants(Protocol):
    @property
    def once(self) -> GrantedOnce: ...


class OnceApi:
    name = "once"

    def bind(self, grants: Grants) -> Mapping[str, Callable[..., Any]]:
        def begin(key: object = None, *_: object) -> dict[str, Any]:
            return grants.once.begin(_key(key))

        def finish(key: object = None, token: object = None, value: Any = None, *_: object) -> None:
            grants.once.finish(_key(key), _token(token), value)

        def fail(key: object = None, token: object = None, *_: object) -> None:
            grants.once.fail(_key(key), _token(token))

        return {"begin": begin, "finish": finish, "fail": fail}


def _key(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_KEY or "\0" in value:
        raise HostError("INVALID_INPUT", f"sdk.once: a key is a text of 1 to {MAX_KEY} characters")
    return value


def _token(value: object) -> str:
    if not isinstance(value, str):
        raise HostError("INVALID_INPUT", "sdk.once: no such token")
    return value
