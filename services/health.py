"""Whether what a request needs answers. Says no more than yes or no: anybody may ask."""

from collections.abc import Callable

from redis import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from models.base import db
from services.wiring import redis


def checks() -> dict[str, bool]:
    return {name: _holds(check) for name, check in _CHECKS.items()}


def _database() -> None:
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def _redis() -> None:
    redis().ping()


_CHECKS: dict[str, Callable[[], None]] = {"database": _database, "redis": _redis}


def _holds(check: Callable[[], None]) -> bool:
    try:
        check()
    except (SQLAlchemyError, RedisError, OSError):
        return False
    return True
