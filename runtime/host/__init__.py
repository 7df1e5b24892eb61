"""What scripts can call. One file is one name a script writes; each is granted what it may touch and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runtime.calls import HostCall, current_call


class HostApi(Protocol):
    """One API: `bind` gives the functions of one run, made from what that run is granted."""

    name: str

    def bind(self, grants: Any) -> Mapping[str, Callable[..., Any]]: ...


from runtime.host.db import DbApi  # noqa: E402  (the APIs import the two names above)
from runtime.host.http import HttpApi  # noqa: E402  (the APIs import the two names above)

HOST_APIS: tuple[HostApi, ...] = (DbApi(), HttpApi())

__all__ = ["HOST_APIS", "DbApi", "HostApi", "HostCall", "HttpApi", "current_call"]
