"""What goes to and fro while one run lasts. The other side is hostile: every frame is checked before it is believed."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING, Any

from runtime import wire
from runtime.limits import DATA_HEADROOM, KIB, MIB
from runtime.logbook import LogBook
from runtime.reports import script_error
from runtime.run import Run
from runtime.wire import NotJson, ProtocolError, decode

if TYPE_CHECKING:
    from runtime.engine import Engine

log = logging.getLogger(__name__)

LOOK_S = 0.02
"""How often a running engine's memory is looked at."""
PATIENCE_S = 0.25
"""Processor time after which a run counts as a long one."""


class Conversation:
    def __init__(self, engine: Engine, run: Run) -> None:
        self._engine, self._run, self._limits = engine, run, run.limits
        self._logs = LogBook(run)
        self._began = self._looked = time.monotonic()
        self._deadline = self._began + run.limits.timeout_ms / 1000
        self._most = max(run.limits.max_output_bytes, run.limits.max_call_bytes) * 4 + MIB
        self._peak = 0
        self._used_before: float | None = None
        self._concluded = self._ended = False

    def hold(self) -> bool:
        """Fill in the outcome; True when the engine came to an end of the run by itself."""
        run = self._run
        run.calls.start(self._deadline)
        try:
            while not self._ended:
                self._listen()
        except TimeoutError:
            self._engine.kill()
            self._drain()
            run.fail("TIMEOUT", f"the run took longer than {self._limits.timeout_ms} ms")
        except (EOFError, ConnectionError):
            self._explain_death()
        except (ProtocolError, NotJson) as error:
            log.warning("engine %s broke the protocol: %s", self._engine.pid, error)
            self._engine.kill()
            run.fail("ENGINE_CRASHED", "the engine broke the protocol", details={"reason": "protocol"})
        metrics = run.outcome.metrics
        metrics.run_ms = (time.monotonic() - self._began) * 1000
        metrics.api_calls = run.calls.made
        metrics.peak_memory_bytes = max(metrics.peak_memory_bytes, self._peak)
        if run.cancelled and not (self._ended and run.outcome.ok):
            run.fail("CANCELLED", "the run was cancelled")
        if not run.outcome.ok:
            run.outcome.value = None  # one that came before the end went wrong
        self._logs.finish()
        return self._ended

    def _listen(self) -> None:
        whole = self._engine.inbox.take(self._most)
        if whole is not None:
            self._take(*whole)
            return
        now = time.monotonic()
        if now >= self._deadline:
            raise TimeoutError
        if now - self._looked >= LOOK_S:
            self._look(now)
        if self._engine.inbox.readable(min(LOOK_S, self._deadline - now) * 1000):
            self._engine.inbox.fill()

    def _look(self, now: float) -> None:
        """An engine that holds more than the run may have, although its own limits should have seen to it, goes; one that
        keeps a processor busy for long lets others pass."""
        self._looked = now
        if not self._engine.stepped_back:
            used = self._engine.processor_s()
            self._used_before = used if self._used_before is None else self._used_before
            if used - self._used_before > PATIENCE_S:
                self._engine.step_back()
        held = self._engine.resident() - self._engine.base_memory
        self._peak = max(self._peak, held)
        if held > self._limits.memory_bytes + DATA_HEADROOM:
            self._engine.kill()

    def _take(self, kind: bytes, payload: bytes) -> None:
        run = self._run
        if kind == wire.END and self._concluded:
            self._take_end(decode(payload))
        elif self._concluded:
            raise ProtocolError(f"frame {kind!r} after the end")
        elif kind == wire.LOGS:
            self._logs.take(decode(payload))
        elif kind == wire.CALL:
            if len(payload) > self._limits.max_call_bytes + KIB:
                raise ProtocolError("call too large")
            run.calls.accept(payload)
        elif kind == wire.VALUE:
            self._concluded = True
            self._take_value(payload)
        elif kind == wire.ERROR:
            self._concluded = True
            report = decode(payload)
            if not isinstance(report, dict):
                raise ProtocolError("malformed error")
            run.malformed = report.get("fixed") == "SYNTAX_ERROR"
            run.outcome.error = script_error(report, run.source, self._limits)
        else:
            raise ProtocolError(f"unexpected frame {kind!r}")

    def _take_value(self, payload: bytes) -> None:
        most = self._limits.max_output_bytes
        if len(payload) > most:
            self._run.fail("OUTPUT_TOO_LARGE", f"the result has {len(payload)} bytes; at most {most} are allowed")
            return
        try:
            self._run.outcome.value = decode(payload)
        except NotJson as error:
            self._run.fail("RESULT_NOT_JSON", f"the result cannot be kept as JSON: {error}")

    def _take_end(self, report: Any) -> None:
        match report:
            case {"cpu_ms": int() | float() as cpu, "peak": int() as peak}:
                self._run.outcome.metrics.cpu_ms = float(cpu)
                self._run.outcome.metrics.peak_memory_bytes = max(0, peak)
                self._ended = True
            case _:
                raise ProtocolError("malformed end")

    # ---- Sudden ends. ----

    def _drain(self) -> None:
        """Log lines sent before the kill are still worth having; they are here already."""
        with contextlib.suppress(OSError, EOFError, ProtocolError, NotJson):
            while self._engine.inbox.readable():
                self._engine.inbox.fill()
                while (whole := self._engine.inbox.take(self._most)) is not None:
                    if whole[0] == wire.LOGS:
                        self._logs.take(decode(whole[1]))

    def _explain_death(self) -> None:
        run, limits = self._run, self._limits
        if run.cancelled:
            return
        number, said = self._engine.bury()
        if said:
            log.info("engine %s said: %s", self._engine.pid, said[-2000:])
        if number in (signal.SIGPROF, signal.SIGXCPU):
            run.fail("CPU_LIMIT", f"the run used more than {limits.cpu_ms} ms of processor time")
        elif self._ran_out(number, said):
            run.fail("MEMORY_LIMIT", f"the run used more than {limits.memory_mb} MB of memory")
        else:
            run.fail("ENGINE_CRASHED", "the engine died during the run", details={"signal": number})

    def _ran_out(self, number: int | None, said: str) -> bool:
        """Of memory. V8 ends without a word when it cannot go on without what it asked for outside its heap."""
        if number == signal.SIGTRAP and not said:
            return True
        return "out of memory" in said.lower() or "MemoryError" in said or self._peak > self._limits.memory_bytes * 0.8
