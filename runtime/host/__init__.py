"""What scripts can call. One file is one name a script writes; each is granted what it may touch and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runtime.calls import HostCall, HostFunction, HostFunctions, current_call, flatten


class HostApi(Protocol):
    """One API: `bind` gives the functions of one run, made from what that run is granted.

    A function takes what a script gives, any of it missing, and ignores what is too much, as in `names.map(sdk.secrets.get)`.
    """

    name: str

    def bind(self, grants: Any) -> Mapping[str, Callable[..., Any]]: ...


# The APIs import the two names above.
from runtime.host.cache import CacheApi  # noqa: E402
from runtime.host.db import DbApi  # noqa: E402
from runtime.host.events import EventsApi  # noqa: E402
from runtime.host.http import HttpApi  # noqa: E402
from runtime.host.once import OnceApi  # noqa: E402
from runtime.host.scripts import ScriptsApi  # noqa: E402
from runtime.host.secrets import SecretsApi  # noqa: E402

# sdk.log, sdk.crypto and sdk.sleep are no host calls: the engine answers them itself.
HOST_APIS: tuple[HostApi, ...] = (
    HttpApi(), DbApi(), CacheApi(), EventsApi(), SecretsApi(), OnceApi(), ScriptsApi(),
)  # fmt: skip


class _Anything:
    """Stands for every grant where no function is called."""

    def __getattr__(self, name: str) -> _Anything:
        return self


@functools.cache
def all_names() -> str:
    """Of all functions there are, as JSON."""
    return HostFunctions({api.name: api.bind(_Anything()) for api in HOST_APIS}).names


class AllApis(HostFunctions):
    """Every function there is, each API bound by `bind` when a run first calls it: most runs call few."""

    def __init__(self, bind: Callable[[HostApi], Mapping[str, Any]]) -> None:
        self.names, self._bind = all_names(), bind
        self._functions: dict[str, HostFunction] = {}
        self._unbound = {api.name: api for api in HOST_APIS}

    def get(self, name: str) -> HostFunction | None:
        if api := self._unbound.pop(name.partition(".")[0], None):
            self._functions |= flatten({api.name: self._bind(api)})
        return super().get(name)

    def close(self) -> None:
        """Nothing more is bound."""
        self._unbound.clear()


__all__ = [
    "HOST_APIS",
    "AllApis",
    "CacheApi",
    "DbApi",
    "EventsApi",
    "HostApi",
    "HostCall",
    "HttpApi",
    "OnceApi",
    "ScriptsApi",
    "SecretsApi",
    "all_names",
    "current_call",
]
