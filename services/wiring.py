"""What services need of the process they run in: its settings, its connections, and what scripts' calls share.

What is opened here `close` ends with the process.
"""

from typing import cast

from flask import Flask, current_app
from redis import Redis

from services.granted.business_db import BusinessDatabase
from services.granted.facts import Doors
from services.granted.http_client import HttpTransport
from services.per_process import have, let_go, this_app
from services.queue import impatient_connection
from settings import Settings

_OPENED = ("business_database", "cache_redis", "http_transport")


def settings() -> Settings:
    return cast(Settings, current_app.extensions["settings"])


def redis() -> "Redis":
    return cast("Redis", current_app.extensions["redis"])


def doors() -> Doors:
    """How a run reaches events and other scripts. create_app() says it: those services themselves start runs."""
    return cast(Doors, current_app.extensions.get("doors", Doors()))


def business_database() -> BusinessDatabase:
    return have(this_app(), "business_database", lambda: business_database_of(settings()))


def business_database_of(chosen: Settings) -> BusinessDatabase:
    return BusinessDatabase(
        chosen.script_db_url,
        chosen.script_db_tenant_column,
        role=chosen.script_db_role,
        denied_tables=chosen.script_db_denied_tables,
    )


def cache_redis() -> "Redis":
    return have(this_app(), "cache_redis", lambda: impatient_connection(settings()))


def http_transport() -> HttpTransport:
    return have(this_app(), "http_transport", HttpTransport)


def close(app: Flask) -> None:
    """Ends what this process opened. Safe where nothing was, and more than once."""
    for name in _OPENED:
        if opened := let_go(app, name):
            opened.close()
