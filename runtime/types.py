"""What goes into a run and what comes out of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from runtime.errors import ScriptError


@dataclass(frozen=True)
class Source:
    """A script's text and the file name its stack traces show."""

    text: str
    name: str = "script.js"

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"a source is text, not {type(self.text).__name__}")
        object.__setattr__(self, "name", _printable(self.name))

    @cached_property
    def key(self) -> str:
        """SHA-256 of name and text; surrogates are hashed too, although no engine will take them."""
        return hashlib.sha256(f"{self.name}\0{self.text}".encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def size(self) -> int | None:
        """In bytes; None for text that is none (half a character)."""
        try:
            return len(self.text.encode())
        except UnicodeEncodeError:
            return None

    @classmethod
    def of(cls, source: str | Source, name: str | None = None) -> Source:
        return source if isinstance(source, Source) else _known(source, name or "script.js")


@lru_cache(maxsize=64)
def _known(text: str, name: str) -> Source:
    """A script that runs again need not be hashed again."""
    return Source(text, name)


def _printable(name: str) -> str:
    """A file name that cannot be mistaken for anything else in a stack trace."""
    plain = "".join(letter if letter.isalnum() or letter in "._-/" else "_" for letter in name)
    return plain[:200] or "script.js"


@dataclass(frozen=True, slots=True)
class LogEntry:
    level: str
    message: str
    data: Any
    timestamp: float
    """Seconds since the epoch, as the script's engine saw it."""

    def to_dict(self) -> dict[str, Any]:
        return {"level": self.level, "message": self.message, "data": self.data, "timestamp": self.timestamp}


@dataclass(frozen=True, slots=True)
class CallTrace:
    """One host call. `outcome` is None while it runs, then "ok" or the code it failed with."""

    id: int
    name: str
    started_ms: float
    duration_ms: float | None = None
    outcome: str | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    note: tuple[str, str] | None = None
    """A word and a text the host function wants seen beside it: `kept`, `invoice-7`."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "started_ms": self.started_ms,
            "duration_ms": self.duration_ms,
            "outcome": self.outcome,
            "request_bytes": self.request_bytes,
            "response_bytes": self.response_bytes,
            "note": self.note,
        }


@dataclass(slots=True)
class RunMetrics:
    """Times in milliseconds. Waiting for an engine is not run time."""

    wait_ms: float = 0.0
    run_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_memory_bytes: int = 0
    api_calls: int = 0
    cached: bool = False
    """The source had been checked before."""
    prepared: bool = False
    """An isolate with the source already compiled stood ready."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "wait_ms": self.wait_ms,
            "run_ms": self.run_ms,
            "cpu_ms": self.cpu_ms,
            "peak_memory_bytes": self.peak_memory_bytes,
            "api_calls": self.api_calls,
            "cached": self.cached,
            "prepared": self.prepared,
        }


@dataclass(slots=True)
class Outcome:
    """The end of a run: a value or an error, never an exception."""

    value: Any = None
    error: ScriptError | None = None
    logs: list[LogEntry] = field(default_factory=list)
    calls: list[CallTrace] = field(default_factory=list)
    metrics: RunMetrics = field(default_factory=RunMetrics)
    logs_truncated: bool = False
    logs_dropped: int = 0
    execution_id: str | None = None

    @property
    def ok(self) -> bool:
        return self.error is None
