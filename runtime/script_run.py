"""One script in the engine process, from its limits to its last frame. All of it happens on the isolate's thread."""

from __future__ import annotations

import heapq
import json
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from runtime import chamber, digests, wire
from runtime.chamber import SETTLE_S, BadSyntax, Chamber
from runtime.driver import ScriptFailure
from runtime.gauge import Gauge
from runtime.limits import MIB, log_shares
from runtime.rejections import Rejection
from runtime.wrapping import HEAD

MOST_FRAME = 64 * MIB
LOG_TAIL_FLUSH_S = 0.25


class Lines:
    """A run's log lines: the head goes out at once, of the rest the last few are kept and sent now and then."""

    def __init__(self, most: int, send: Callable[[str], None]) -> None:
        self._head, tail = log_shares(most)
        self._tail: deque[str] = deque(maxlen=tail)
        self._send, self._count, self._dropped, self._flushed = send, 0, 0, 0.0

    def add(self, line: str) -> None:
        self._count += 1
        if self._count <= self._head:
            self._send(f'{{"dropped":0,"lines":[{line}]}}')
            return
        self._dropped += len(self._tail) == self._tail.maxlen
        self._tail.append(line)
        if time.monotonic() - self._flushed > LOG_TAIL_FLUSH_S:
            self.flush()

    def flush(self) -> None:
        if self._tail or self._dropped:
            self._send(f'{{"dropped":{self._dropped},"lines":[{",".join(self._tail)}]}}')
        self._tail.clear()
        self._dropped, self._flushed = 0, time.monotonic()


class Timers:
    """Numbers with a time at which they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._cleared: set[int] = set()

    def arm(self, number: int, wait_ms: float) -> None:
        self._cleared.discard(number)
        heapq.heappush(self._heap, (time.monotonic() + wait_ms / 1000, number))

    def clear(self, number: int) -> None:
        self._cleared.add(number)

    def wait_ms(self) -> float | None:
        """Until the first is due; None when there is none."""
        while self._heap and self._heap[0][1] in self._cleared:
            self._cleared.discard(heapq.heappop(self._heap)[1])
        return max(0.0, (self._heap[0][0] - time.monotonic()) * 1000) if self._heap else None

    def pop(self) -> int:
        return heapq.heappop(self._heap)[1]


class ScriptRun:
    """Between two turns of the script, its isolate's own thread waits for the parent: nothing need be handed over."""

    def __init__(self, sock: Any, inbox: wire.Inbox, gauge: Gauge, chamber: Chamber, order: dict[str, Any]) -> None:
        self._sock, self._inbox, self._gauge, self._chamber, self._order = sock, inbox, gauge, chamber, order
        self._lines = Lines(order["log_lines"], lambda text: self._send(wire.LOGS, text))
        self._timers = Timers()
        self._ended_at: float | None = None
        self._rested = threading.Lock()
        self._rested.acquire()
        chamber.heard = self._heard

    def prepare(self, source: str) -> BadSyntax | ScriptFailure | None:
        """Check and compile; what is wrong with the source ends the run."""
        try:
            if not self._order["checked"]:
                self._chamber.check(source)
            self._chamber.compile(source, self._order["name"])
        except (BadSyntax, ScriptFailure) as failure:
            self._end(wire.ERROR, json.dumps(failure_report(failure)))
            return failure
        return None

    def perform(self, settings: bytes) -> bool:
        """Run it to its end; False when it does not stop although it has ended."""
        self._chamber.tell(settings, self._turned)
        while not self._rested.acquire(timeout=SETTLE_S):
            if self._ended_at is not None and time.monotonic() - self._ended_at > SETTLE_S:
                return False
        return True

    def _turned(self, failure: ScriptFailure | None) -> None:
        """The script has done all it can for now."""
        try:
            if self._ended_at is None and self._chamber.isolate.out_of_memory:
                self._end(wire.ERROR, json.dumps({"fixed": "MEMORY_LIMIT"}))
            elif failure is not None:
                self._end(wire.ERROR, json.dumps(failure_report(failure)))
            if self._ended_at is None:
                self._chamber.tell(self._next_message(), self._turned)
            else:
                self._rested.release()
        except (OSError, EOFError):
            os._exit(0)  # the parent is gone
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def _next_message(self) -> bytes:
        """An answer from the parent, or the number of a timer that is due."""
        while True:
            whole = self._inbox.take(MOST_FRAME)
            if whole is None:
                wait_ms = self._timers.wait_ms()
                if wait_ms is not None and not self._inbox.readable(wait_ms):
                    return str(self._timers.pop()).encode()
                self._inbox.fill()
                continue
            kind, payload = whole
            if kind != wire.ANSWER:
                raise wire.ProtocolError(f"unexpected frame {kind!r}")
            run, message = wire.unpack_answer(payload)
            if run == self._order["run"]:
                return message

    # While JavaScript waits:

    def _heard(self, operation: int, text: str) -> str | None:
        try:
            return self._hear(operation, text)
        except OSError:
            os._exit(0)  # the parent is gone
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def _hear(self, operation: int, text: str) -> str | None:
        if operation == chamber.CRYPTO:
            return digests.answer(text)
        if self._ended_at is not None:
            return None
        if operation == chamber.CALL:
            self._send(wire.CALL, text)
        elif operation == chamber.LOG:
            self._lines.add(text)
        elif operation == chamber.VALUE:
            self._end(wire.VALUE, text)
        elif operation == chamber.FAIL:
            self._end(wire.ERROR, text)
        elif operation == chamber.TIMER:
            number, wait = text.split()
            self._timers.arm(int(number), float(wait))
        elif operation == chamber.UNTIMER:
            self._timers.clear(int(text))
        return None

    def _end(self, kind: bytes, text: str) -> None:
        if self._ended_at is not None:
            return
        for rejection in self._chamber.rejections.take():
            self._lines.add(rejection_line(rejection, self._order["name"]))
        self._lines.flush()
        self._sock.sendall(
            wire.frame(kind, text.encode("utf-8", "replace"))
            + wire.frame(wire.END, b'{"cpu_ms":%f,"peak":%d}' % self._gauge.used())
        )
        self._ended_at = time.monotonic()

    def _send(self, kind: bytes, text: str) -> None:
        self._sock.sendall(wire.frame(kind, text.encode("utf-8", "replace")))


def failure_report(failure: BadSyntax | ScriptFailure) -> dict[str, Any]:
    if isinstance(failure, BadSyntax):
        return {"fixed": "SYNTAX_ERROR", "report": failure.report, "prefix": failure.prefix}
    fixed = "MEMORY_LIMIT" if failure.kind in ("memory", "terminated") else None
    return {"fixed": fixed, "error": {"message": failure.message}}


def rejection_line(rejection: Rejection, file: str) -> str:
    """As a line of the run's log."""
    message = f"Unhandled rejection: {rejection.message}"
    if rejection.file == file:
        column = rejection.column - (len(HEAD) if rejection.line == 1 else 0)
        message += f"\n    at {file}:{rejection.line}:{max(1, column)}"
    return json.dumps({"level": "error", "message": message, "timestamp": time.time()})
