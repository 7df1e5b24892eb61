"""How databases behave under us: JSON as it is written, and on SQLite WAL, foreign keys, and write transactions that take their lock
at the start.
"""

import json
import select
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError

from models import clock

BUSY_TIMEOUT_MS = 10_000
# Letters as they are: escapes would make Cyrillic six times as long, and search would not find it.
ENGINE_OPTIONS: dict[str, Any] = {"json_serializer": json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode}
_ALONE = "dastgoh_read_alone"
TESTED_AFTER_S = 5.0
_IDLE_SINCE = "dastgoh_idle_since"

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


def is_spoken_to(connection: Any) -> bool:
    """PostgreSQL has said something to a connection of its driver's that asked nothing: mostly goodbye. Asking the socket
    costs no way to the database and back."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def mind_idle_connections(engine: Engine) -> None:
    """A connection that was left before a restart of PostgreSQL is found out, and so are all others, before somebody's
    request is sent through it. The test by a statement is for those that nobody used for a while."""
    dialect = engine.dialect

    @event.listens_for(engine, "checkin")
    def _lay_down(_connection: Any, record: Any) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _take_up(connection: Any, record: Any, _fairy: Any) -> None:
        since = record.info.pop(_IDLE_SINCE, None)
        if since is None:  # it is new
            return
        try:
            if time.monotonic() - since > TESTED_AFTER_S or is_spoken_to(connection):
                dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def prepare_engine(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        mind_idle_connections(engine)
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
