"""This process's engines. Made after forking, at the first use or when a server warms up, and closed with the process."""

from typing import cast

from flask import Flask

from runtime import Runtime, RuntimeConfig
from services.limits import runtime_limits
from services.per_process import have, have_already, let_go, this_app
from settings import Settings


def engines() -> Runtime:
    return engines_of(this_app())


def engines_of(app: Flask) -> Runtime:
    return have(app, "engines", lambda: Runtime(config_for(app.extensions["settings"])))


def engines_if_made(app: Flask) -> Runtime | None:
    """For who looks on: asking makes none."""
    return cast(Runtime | None, have_already(app, "engines"))


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
    if runtime := let_go(app, "engines"):
        runtime.close()
