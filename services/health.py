"""Whether what a request needs answers, and would take what is written. Says no more than yes or no: anybody may ask."""

from collections.abc import Callable

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from models.base import db
from services import schema, trouble
from services.engines import engines_if_made
from services.per_process import this_app
from services.wiring import redis


class _Unfit(Exception):
    """It answers, and is of no use."""


def checks() -> dict[str, bool]:
    return {name: _holds(check) for name, check in _CHECKS.items()}


def _database() -> None:
    with db.engine.connect() as connection:
        if trouble.takes_no_writing(connection) or schema.problem(connection):
            raise _Unfit


def _redis() -> None:
    redis().set("health", "", ex=60)  # one that is full, or cannot save, still answers a ping


def _engines() -> None:
    runtime = engines_if_made(this_app())
    if runtime and not runtime.is_able:
        raise _Unfit


_CHECKS: dict[str, Callable[[], None]] = {"database": _database, "redis": _redis, "engines": _engines}


def _holds(check: Callable[[], None]) -> bool:
    try:
        check()
    except (SQLAlchemyError, RedisError, OSError, _Unfit):
        return False
    return True
