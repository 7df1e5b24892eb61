"""Every error code of the product, in one table, and the two errors the runtime itself speaks in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

SourceOfError = Literal["syntax", "runtime", "permission", "resource", "timeout", "host"]


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """Who is to blame for a code, and whether trying the same run again can help."""

    source: SourceOfError
    retryable: bool
    cause: str
    cure: str


CODES: dict[str, CodeInfo] = {
    "SYNTAX_ERROR": CodeInfo(
        "syntax", False, "The script is not valid JavaScript.", "Correct the source at the line and column given."
    ),
    "RUNTIME_ERROR": CodeInfo(
        "runtime", True, "The script threw an error it did not catch.", "Read the message and stack; handle the error."
    ),
    "TIMEOUT": CodeInfo(
        "timeout", True, "The run took longer than its wall-time limit.", "Do less per run, or raise the time limit."
    ),
    "CPU_LIMIT": CodeInfo(
        "timeout", True, "The run used more processor time than allowed.", "Compute less, or raise the CPU limit."
    ),
    "MEMORY_LIMIT": CodeInfo(
        "resource",
        True,
        "Heap and buffers together outgrew the memory limit.",
        "Keep less in memory at once, or raise the limit.",
    ),
    "API_CALL_LIMIT": CodeInfo(
        "resource", True, "The run made more SDK calls than allowed.", "Batch calls, or raise the call limit."
    ),
    "OUTPUT_TOO_LARGE": CodeInfo(
        "resource", True, "The returned value is larger than allowed.", "Return less, or raise the output limit."
    ),
    "RESULT_NOT_JSON": CodeInfo(
        "runtime", True, "The returned value cannot be written as JSON.", "Return plain objects, lists, text, numbers."
    ),
    "ENGINE_CRASHED": CodeInfo(
        "resource", True, "The engine process died during the run.", "Run again; report it when it repeats."
    ),
    "POOL_EXHAUSTED": CodeInfo(
        "resource", True, "No engine became free in time.", "Try later, or raise the pool size."
    ),
    "CANCELLED": CodeInfo("runtime", False, "Somebody cancelled the run.", "Start it again when it is wanted."),
    "LOST": CodeInfo(
        "resource", True, "The process that ran the script disappeared.", "It is tried again by itself; else replay it."
    ),
    "PERMISSION_DENIED": CodeInfo(
        "permission",
        False,
        "The run may not do what it tried.",
        "Ask for the permission, or run as someone who has it.",
    ),
    "INVALID_INPUT": CodeInfo(
        "permission", False, "The input is not acceptable.", "Send input of the right shape and size."
    ),
    "RATE_LIMITED": CodeInfo("resource", True, "Too many calls in too short a time.", "Slow down; try again later."),
    "QUOTA_EXCEEDED": CodeInfo(
        "resource", True, "The tenant's quota is used up.", "Wait for it to renew, or raise it."
    ),
    "FEATURE_DISABLED": CodeInfo("permission", False, "Scripts are switched off here.", "Ask an administrator."),
    "LOOP_GUARD": CodeInfo(
        "permission", False, "Events triggered one another too many times.", "Break the circle of subscriptions."
    ),
    "HOST_UNAVAILABLE": CodeInfo(
        "host", True, "A service behind the SDK does not answer.", "Try later; tell whoever runs the workbench."
    ),
    "HTTP_BLOCKED": CodeInfo("host", False, "The address may not be called.", "Call a public, permitted address."),
    "HTTP_TIMEOUT": CodeInfo("host", True, "The remote server did not answer in time.", "Try later, or wait longer."),
    "HTTP_TOO_LARGE": CodeInfo("host", False, "A request or response body is too large.", "Ask for less at a time."),
    "HTTP_FAILED": CodeInfo("host", True, "The HTTP request did not succeed.", "Check address and remote server."),
    "DB_FORBIDDEN": CodeInfo("host", False, "The statement is not allowed.", "Use permitted tables and statements."),
    "DB_TIMEOUT": CodeInfo("host", True, "The statement took too long.", "Narrow it, or add an index."),
    "DB_ROW_LIMIT": CodeInfo("host", False, "The statement touches too many rows.", "Add a LIMIT or a condition."),
    "DB_FAILED": CodeInfo("host", True, "The database refused the statement.", "Check the statement and its values."),
    "SECRET_NOT_FOUND": CodeInfo("host", False, "There is no such secret.", "Create it, or correct its name."),
}

# What a host function's own bug looks like to a script: nothing of ours shows.
HOST_FAILURE = "RUNTIME_ERROR"


def source_of(code: str) -> SourceOfError:
    """The source of a code; a code we do not know came from a host function."""
    known = CODES.get(code)
    return known.source if known else "host"


def is_retryable(code: str) -> bool:
    known = CODES.get(code)
    return known.retryable if known else False


class HostError(Exception):
    """Raised by a host function; the script sees an Error with this message and `.code`."""

    def __init__(
        self, code: str, message: str, retryable: bool | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = is_retryable(code) if retryable is None else retryable
        self.details = details


def clipped(text: str, most: int) -> str:
    """A caller's own text within a message; the mark tells who looks for secrets that this one was cut."""
    return text if len(text) <= most else f"{text[:most]}…"


class EngineUnavailable(Exception):
    """No engine process could be made; the message says what the attempt ran into."""


@dataclass(frozen=True, slots=True)
class ScriptError:
    """How a run failed, as it is recorded, shown and retried."""

    code: str
    message: str
    source: SourceOfError
    retryable: bool
    line: int | None = None
    column: int | None = None
    stack: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        *,
        retryable: bool | None = None,
        line: int | None = None,
        column: int | None = None,
        stack: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> ScriptError:
        """An error whose source and retryability follow from its code."""
        again = is_retryable(code) if retryable is None else retryable
        return cls(code, message, source_of(code), again, line, column, stack, details or {})

    def to_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "source": self.source,
            "line": self.line,
            "column": self.column,
            "stack": self.stack,
            "retryable": self.retryable,
            "details": self.details,
        }
