"""What services need of the process they run in: its settings, its connections, and what scripts' calls share.

What is opened here is opened at its first use, so after any fork, once a process; `close` ends it with the process.
"""

import os
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from flask import Flask, current_app
from redis import Redis

from services.granted.business_db import BusinessDatabase
from services.granted.facts import Doors
from services.granted.http_client import HttpTransport
from services.queue import impatient_connection
from settings import Settings


class Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closable)
_opening = threading.Lock()


def settings() -> Settings:
    return cast(Settings, current_app.extensions["settings"])


def redis() -> "Redis":
    return cast("Redis", current_app.extensions["redis"])


def doors() -> Doors:
    """How a run reaches events and other scripts. create_app() says it: those services themselves start runs."""
    return cast(Doors, current_app.extensions.get("doors", Doors()))


def business_database() -> BusinessDatabase:
    return _opened("business_database", lambda: business_database_of(settings()))


def business_database_of(chosen: Settings) -> BusinessDatabase:
    return BusinessDatabase(
        chosen.script_db_url,
        chosen.script_db_tenant_column,
        role=chosen.script_db_role,
        denied_tables=chosen.script_db_denied_tables,
    )


def cache_redis() -> "Redis":
    return _opened("cache_redis", lambda: impatient_connection(settings()))


def http_transport() -> HttpTransport:
    return _opened("http_transport", HttpTransport)


def close(app: Flask) -> None:
    """Ends what this process opened. Safe where nothing was, and more than once."""
    with _opening:
        opened = app.extensions.pop("opened", {})
    for owner, thing in opened.values():
        if owner == os.getpid():
            thing.close()


def _opened(name: str, make: Callable[[], T]) -> T:
    with _opening:
        opened = current_app.extensions.setdefault("opened", {})
        owner, thing = opened.get(name, (None, None))
        if owner != os.getpid():
            thing = make()
            opened[name] = os.getpid(), thing
        return cast(T, thing)
