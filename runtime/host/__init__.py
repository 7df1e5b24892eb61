"""What scripts can call. One file is one name a script writes; each is granted what it may touch and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runtime.calls import HostCall, current_call, flatten
from runtime.wire import encode


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


def usual_names() -> str:
    """Of all functions there are, in the order in which a run is given them, as JSON."""
    return encode(list(flatten({api.name: api.bind(_Anything()) for api in HOST_APIS})))


__all__ = [
    "HOST_APIS",
    "CacheApi",
    "DbApi",
    "EventsApi",
    "HostApi",
    "HostCall",
    "HttpApi",
    "OnceApi",
    "ScriptsApi",
    "SecretsApi",
    "current_call",
    "usual_names",
]
