"""What there is one of in each process: made at its first use, so after any fork, and ended by whoever knows how."""

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, current_app

T = TypeVar("T")
# Making one may need another.
_making = threading.RLock()


def this_app() -> Flask:
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]  # a proxy that mypy does not see


def have(app: Flask, name: str, make: Callable[[], T]) -> T:
    made = have_already(app, name)
    if made is None:
        with _making:
            made = have_already(app, name)
            if made is None:
                made = make()
                _all(app)[name] = os.getpid(), made
    return cast(T, made)


def have_already(app: Flask, name: str) -> Any:
    """None where it was not made, or only in the process this one was forked from."""
    owner, made = _all(app).get(name, (None, None))
    return made if owner == os.getpid() else None


def let_go(app: Flask, name: str) -> Any:
    """For who ends it; None where there is nothing to end. The next use makes another."""
    with _making:
        made = have_already(app, name)
        _all(app).pop(name, None)
    return made


def _all(app: Flask) -> dict[str, tuple[int, Any]]:
    return cast(dict[str, tuple[int, Any]], app.extensions.setdefault("per_process", {}))
