"""Log lines: JSON for machines in production, short and readable in development. Each knows its request."""

import json
import logging
import logging.config
from contextvars import ContextVar
from datetime import UTC, datetime

from settings import Settings

request_id: ContextVar[str] = ContextVar("request_id", default="")
remote_ip: ContextVar[str] = ContextVar("remote_ip", default="")

# What every LogRecord has; anything else on a record came through `extra=` and belongs in the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


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
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": settings.log_level, "handlers": ["stderr"]},
        "loggers": {"werkzeug": {"level": "WARNING"}, "alembic": {"level": "WARNING"}},
    })  # fmt: skip
