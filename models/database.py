"""How databases behave under us: JSON as it is written, and on SQLite WAL, foreign keys, and write transactions that take their lock
at the start.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, Engine, event

from models import clock

BUSY_TIMEOUT_MS = 10_000
# Letters as they are: escapes would make Cyrillic six times as long, and search would not find it.
ENGINE_OPTIONS: dict[str, Any] = {"json_serializer": json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode}
_ALONE = "dastgoh_read_alone"

# A transaction that reads first and writes later fails at once when somebody else wrote in between, busy timeout or
# not. So transactions take the write lock at BEGIN, unless the caller promised to read only.
_reading: ContextVar[bool] = ContextVar("reading", default=False)


@contextmanager
def reading(promised: bool = True) -> Iterator[None]:
    """Transactions begun inside do not write (they still could, at the risk of a conflict)."""
    token = _reading.set(promised)
    try:
        yield
    finally:
        _reading.reset(token)


def writing() -> AbstractContextManager[None]:
    """For what writes inside a caller's `reading()`."""
    return reading(False)


def read_alone(engine: Engine) -> dict[str, Any]:
    """Options of a connection for one statement outside any transaction."""
    return {_ALONE: True} if engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}


def prepare_engine(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        event.listen(engine, "engine_connect", lambda connection: clock.agree(connection.connection.dbapi_connection))
        return

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own idea of when to BEGIN is not ours
        for pragma in (
            "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}",
            "temp_store=MEMORY", "cache_size=-16000",
        ):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(_ALONE):
            connection.exec_driver_sql("BEGIN" if _reading.get() else "BEGIN IMMEDIATE")
