"""This process's engines. Made after forking, at the first use or when a server warms up, and closed with the process."""

import os
import threading

from flask import Flask, current_app

from runtime import Runtime, RuntimeConfig
from services.limits import runtime_limits
from settings import Settings

_making = threading.Lock()


def engines() -> Runtime:
    return engines_of(current_app._get_current_object())  # type: ignore[attr-defined]  # a proxy that mypy does not see


def engines_of(app: Flask) -> Runtime:
    with _making:
        owner, runtime = app.extensions.get("engines", (None, None))
        if owner != os.getpid():
            runtime = Runtime(config_for(app.extensions["settings"]))
            app.extensions["engines"] = os.getpid(), runtime
        return runtime


def engines_if_made(app: Flask) -> Runtime | None:
    """For who looks on: asking makes none."""
    owner, runtime = app.extensions.get("engines", (None, None))
    return runtime if owner == os.getpid() else None


def config_for(settings: Settings) -> RuntimeConfig:
    return RuntimeConfig(
        pool_size=settings.script_vm_pool_size,
        warm=min(2, settings.script_vm_pool_size),
        acquire_timeout_ms=settings.script_acquire_timeout_ms,
        max_age_s=settings.script_vm_max_age_s,
        max_uses=settings.script_vm_max_uses,
        cache_size=settings.script_cache_size,
        drain_seconds=settings.drain_seconds,
        limits=runtime_limits({}, settings),
    )


def close(app: Flask) -> None:
    """Running work may finish for DRAIN_SECONDS. Safe to call where no engine was ever made."""
    with _making:
        owner, runtime = app.extensions.pop("engines", (None, None))
    if owner == os.getpid():
        runtime.close()
