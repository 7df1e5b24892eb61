"""The product's own events (`dastgoh.script.created`, `dastgoh.execution.failed`), said in the transaction that makes them
true. Whoever wants them listens; those who announce need not know who does."""

from collections.abc import Callable
from typing import Any

Listener = Callable[[str, dict[str, Any]], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> Listener:
    _listeners.append(listener)
    return listener


def announce(kind: str, data: dict[str, Any]) -> None:
    """The session is bound to the tenant it happened in, and the caller commits."""
    for listener in _listeners:
        listener(kind, data)
