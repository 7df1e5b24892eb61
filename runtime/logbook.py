"""The log lines of one run, as they come from its engine: the head is passed on at once, the tail at the end."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any

from runtime.limits import KIB, log_shares
from runtime.run import Run
from runtime.types import LogEntry
from runtime.wire import ProtocolError

log = logging.getLogger(__name__)

LEVELS = frozenset({"debug", "info", "warn", "error"})


class LogBook:
    def __init__(self, run: Run) -> None:
        self._run, self._count = run, 0
        self._head, tail = log_shares(run.limits.max_log_lines)
        self._tail: deque[LogEntry] = deque(maxlen=tail)

    def take(self, batch: Any) -> None:
        match batch:
            case {"dropped": int() as dropped, "lines": list() as lines}:
                self._run.outcome.logs_dropped += dropped
            case _:
                raise ProtocolError("malformed log")
        for line in lines:
            self._take_line(line)

    def _take_line(self, line: Any) -> None:
        match line:
            case {"level": str() as level, "message": str() as message, "timestamp": int() | float() as when}:
                pass
            case _:
                raise ProtocolError("malformed log line")
        if level not in LEVELS or len(message) > self._run.limits.max_log_line_bytes + KIB:
            raise ProtocolError("malformed log line")
        outcome = self._run.outcome
        entry = LogEntry(level, message, line.get("data"), float(when))
        outcome.logs_truncated |= bool(line.get("cut"))
        self._count += 1
        if self._count <= self._head:
            self._keep(entry)
            return
        outcome.logs_dropped += len(self._tail) == self._tail.maxlen
        self._tail.append(entry)

    def finish(self) -> None:
        """Say how many were dropped, then show the last."""
        outcome = self._run.outcome
        if outcome.logs_dropped:
            outcome.logs_truncated = True
            when = self._tail[0].timestamp if self._tail else time.time()
            dropped = outcome.logs_dropped
            self._keep(LogEntry("warn", f"… {dropped} log lines dropped …", {"dropped": dropped}, when))
        for entry in self._tail:
            self._keep(entry)

    def _keep(self, entry: LogEntry) -> None:
        self._run.outcome.logs.append(entry)
        if self._run.on_log is None:
            return
        try:
            self._run.on_log(entry)
        except Exception:
            log.exception("a listener to log lines failed")
