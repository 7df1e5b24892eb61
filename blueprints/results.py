"""What a run left behind, brought into the form templates/shared/results.html shows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Flask

from blueprints.error_texts import error_text

MOST_CALLS = 60  # rows of one trace; equal neighbours are shown as one before that
_FRAME = re.compile(
    r"^\s*at (?:(?:async )?(?P<name>.+?) \(|async )?(?P<file>[^\s()]+):(?P<line>\d+):(?P<column>\d+)\)?$"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of a stack; `name` is empty for the script's own top level."""

    name: str
    line: int
    column: int


def stack_frames(stack: str | None) -> list[Frame]:
    found = (_FRAME.match(line) for line in (stack or "").split("\n"))
    return [Frame(each["name"] or "", int(each["line"]), int(each["column"])) for each in found if each]


@dataclass(slots=True)
class CallRow:
    """One bar of the trace: a call, or equal calls one after the other. `outcome` is None while it runs."""

    name: str
    outcome: str | None
    start_ms: float
    end_ms: float
    count: int = 1
    bytes: int = 0
    note: Sequence[str] | None = None

    @property
    def duration_ms(self) -> float:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class CallTraceView:
    rows: list[CallRow]
    count: int
    busy_ms: float
    total_ms: float
    left_out: int


def call_trace(calls: Iterable[Mapping[str, Any]], run_ms: float | None) -> CallTraceView:
    """The calls of a run as bars, few enough to be read, and how much of the run they filled."""
    rows = [_row(call, run_ms or 0) for call in sorted(calls, key=lambda call: call["started_ms"])]
    total = max([run_ms or 0, *(row.end_ms for row in rows)])
    shown = _merged(rows) if len(rows) > MOST_CALLS // 2 else rows
    return CallTraceView(
        shown[:MOST_CALLS], len(rows), _busy(rows), total, sum(row.count for row in shown[MOST_CALLS:])
    )


def _row(call: Mapping[str, Any], now_ms: float) -> CallRow:
    start, duration = call["started_ms"], call.get("duration_ms")
    end = start + duration if duration is not None else max(now_ms, start)
    size, note = call.get("response_bytes") or 0, call.get("note")
    return CallRow(call["name"], call.get("outcome"), start, end, bytes=size, note=note)


def _merged(rows: list[CallRow]) -> list[CallRow]:
    merged: list[CallRow] = []
    for row in rows:
        last = merged[-1] if merged else None
        if last and (last.name, last.outcome, last.note) == (row.name, row.outcome, row.note):
            last.end_ms, last.count, last.bytes = max(last.end_ms, row.end_ms), last.count + 1, last.bytes + row.bytes
        else:
            merged.append(row)
    return merged


def _busy(rows: list[CallRow]) -> float:
    """Time in which at least one call was under way."""
    busy = until = 0.0
    for row in rows:
        busy += max(0.0, row.end_ms - max(row.start_ms, until))
        until = max(until, row.end_ms)
    return busy


def instant(value: float | str | datetime | None) -> datetime | None:
    """Log lines carry seconds since the epoch, or ISO text where they came through the API."""
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def init_app(app: Flask) -> None:
    app.jinja_env.filters["error_text"] = error_text
    app.jinja_env.filters["stack_frames"] = stack_frames
    app.jinja_env.filters["call_trace"] = call_trace
    app.jinja_env.filters["instant"] = instant
