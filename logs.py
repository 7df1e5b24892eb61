"""Log lines: JSON for machines in production, short and readable in development. Each knows its request."""

import json
import logging
import logging.config
import threading
import time
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import OutOfMemoryError as RedisFull
from redis.exceptions import TimeoutError as RedisTimeout
from sqlalchemy.exc import DBAPIError, OperationalError

from settings import Settings

request_id: ContextVar[str] = ContextVar("request_id", default="")
remote_ip: ContextVar[str] = ContextVar("remote_ip", default="")

# What every LogRecord has; anything else on a record came through `extra=` and belongs in the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

REPEATS_AFTER_S = 10.0
_MOST_REMEMBERED = 1_000


class Calm(logging.Filter):
    """A trouble that every request meets is told once in ten seconds, with how often it was met meanwhile: a gigabyte of
    one traceback in an hour hides what else there is, and fills a disk."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key, now = (record.name, record.getMessage(), _cause(record)), time.monotonic()
        with self._lock:
            told_at, unsaid = self._told.get(key, (-REPEATS_AFTER_S, 0))
            is_due = now - told_at >= REPEATS_AFTER_S
            if is_due and len(self._told) >= _MOST_REMEMBERED:
                self._told.clear()
            self._told[key] = (now, 0) if is_due else (told_at, unsaid + 1)
        if is_due and unsaid:
            record.repeats = unsaid
        return is_due


def _cause(record: logging.LogRecord) -> str:
    """One of two faults in the same place is not the other: what was raised, and where."""
    if not record.exc_info or not record.exc_info[2]:
        return ""
    where = traceback.extract_tb(record.exc_info[2])[-1]
    return f"{type(record.exc_info[1]).__name__} {where.filename}:{where.lineno}"


def _said_by_server(error: BaseException | None) -> str:
    """What one that is away, full or shutting down lets us know; where we called it from is no news then."""
    if isinstance(error, RedisGone | RedisTimeout | RedisFull):
        return str(error)
    if not isinstance(error, DBAPIError):
        return ""
    state = getattr(error.orig, "sqlstate", "SQLite")
    if state is None:
        state = "08" if isinstance(error, OperationalError) else ""  # it never came to a conversation
    return str(error.orig).partition("\n")[0] if state.startswith(("08", "53", "57P", "25006")) else ""


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        if record.exc_info:
            if because := _said_by_server(record.exc_info[1]):
                line["because"] = because
            else:
                line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class ReadableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{key}={value}" for key, value in _extra(record).items())
        at = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = " ".join(p for p in (at, f"{record.levelname:7}", record.name, record.getMessage(), extra) if p)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def configure(settings: Settings) -> None:
    formatter = ReadableFormatter if settings.development else JsonFormatter
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "filters": {"calm": {"()": Calm}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["calm"]}},
        "root": {"level": settings.log_level, "handlers": ["stderr"]},
        "loggers": {"werkzeug": {"level": "WARNING"}, "alembic": {"level": "WARNING"}},
    })  # fmt: skip
