"""The runtime as a library: sources in, outcomes out, whatever a script does."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from runtime.calls import Calls, HostFunctions
from runtime.compiler import Compiler, Entry, unfit
from runtime.engine import Engine, NotStarted
from runtime.errors import EngineUnavailable, ScriptError
from runtime.limits import Limits, RuntimeConfig
from runtime.pool import Exhausted, OnWait, Pool
from runtime.run import Run
from runtime.side_engine import SideEngine
from runtime.types import CallTrace, LogEntry, Outcome, Source
from runtime.wire import NotJson, encode
from runtime.workers import Workers

log = logging.getLogger(__name__)

ATTEMPTS_TO_START = 3
"""At least; while engines die at their birth, as many as there are in the time a run may wait for one."""


class Runtime:
    """Thread-safe. Make it after forking, never before: engines belong to the process that made them."""

    def __init__(self, config: RuntimeConfig | None = None) -> None:
        self.config = config or RuntimeConfig()
        self._owner = os.getpid()
        self._compiler = Compiler(self.config.cache_size)
        self._pool = Pool(self.config)
        self._workers = Workers()
        self._lock = threading.Condition()
        self._runs: dict[str, Run] = {}
        self._names = itertools.count(1)
        self._aside = SideEngine(self._pool.extra_engine)
        self._closed = False
        self._executions = 0

    # ---- Running. ----

    def execute(
        self,
        source: str | Source,
        *,
        input: Any = None,
        context: Any = None,
        host: Mapping[str, Any] | HostFunctions | None = None,
        limits: Limits | None = None,
        on_log: Callable[[LogEntry], None] | None = None,
        on_call: Callable[[CallTrace], None] | None = None,
        on_start: Callable[[], None] | None = None,
        execution_id: str | None = None,
        tenant: str | None = None,
        name: str | None = None,
    ) -> Outcome:
        """Run a script to its end. Never raises for what the script does."""
        self._belongs_here()
        limits, script = limits or self.config.limits, Source.of(source, name)
        number = execution_id or f"run-{next(self._names)}"
        bound = host if isinstance(host, HostFunctions) else HostFunctions(host)
        entry = self._compiler.find(script)
        run = self._new_run(script, entry, limits, bound, on_log, on_call, number)
        run.outcome.execution_id = execution_id
        run.outcome.metrics.cached = entry.checked
        run.outcome.error = self._refusal(run, input, context)
        if run.outcome.error is None and self._enter(number, run):
            try:
                self._perform(run, tenant, on_start)
            finally:
                self._leave(number)
        return run.outcome

    def cancel(self, execution_id: str) -> bool:
        """End a run, waiting or running; False when there is none of that id."""
        self._belongs_here()
        with self._lock:
            run = self._runs.get(execution_id)
        if run is None:
            return False
        run.cancel()
        return True

    def _new_run(
        self,
        script: Source,
        entry: Entry,
        limits: Limits,
        bound: HostFunctions,
        on_log: Callable[[LogEntry], None] | None,
        on_call: Callable[[CallTrace], None] | None,
        number: str,
    ) -> Run:
        def answer(message: bytes) -> None:
            engine = run.engine
            if engine:
                engine.answer(message, run.number)

        calls = Calls(bound, limits, self._workers, answer, on_call, number)
        run = Run(script, entry, bound.names, "", limits, calls, on_log)
        return run

    def _refusal(self, run: Run, input: Any, context: Any) -> ScriptError | None:
        """Why it need not be sent to an engine; else its settings are ready."""
        problem = unfit(run.source, run.limits) or run.entry.error
        if problem:
            return problem
        if context is None or isinstance(context, Mapping):
            context = {"input": input, **(context or {})} if input is None else {**(context or {}), "input": input}
        try:
            given = encode(context)
        except NotJson as error:
            return ScriptError.of("INVALID_INPUT", f"the input is not JSON: {error}")
        if len(given) > run.limits.max_input_bytes:
            most = run.limits.max_input_bytes
            return ScriptError.of("INVALID_INPUT", f"the input has {len(given)} bytes; at most {most} are allowed")
        limits = run.limits
        run.settings = (
            f'{{"maxOutput":{limits.max_output_bytes},"maxCall":{limits.max_call_bytes},"maxCalls":{limits.max_api_calls},'
            f'"maxLine":{limits.max_log_line_bytes},"timeout":{limits.timeout_ms},"context":{given}}}'
        )
        return None

    def _perform(self, run: Run, tenant: str | None, on_start: Callable[[], None] | None) -> None:
        began = time.monotonic()

        def on_wait(withdraw: Callable[[], object]) -> None:
            with run.lock:
                run.on_cancel = withdraw
            if run.cancelled:
                withdraw()

        try:
            self._pool.take_place(tenant, on_wait)
            try:
                self._run_somewhere(run, began, on_wait, on_start)
            finally:
                self._pool.give_place(tenant)
        except Exhausted as refusal:
            run.outcome.metrics.wait_ms = (time.monotonic() - began) * 1000
            if refusal.turn == "cancelled":
                run.fail("CANCELLED", "the run was cancelled while it waited")
            elif refusal.turn == "closed":
                run.fail("POOL_EXHAUSTED", "the runtime is shutting down", details={"reason": "closed"})
            else:
                run.fail("POOL_EXHAUSTED", "no engine became free in time", details={"reason": "busy"})
        except EngineUnavailable as problem:
            run.fail("POOL_EXHAUSTED", f"no engine could be made: {problem}", details={"reason": "creation"})

    def _run_somewhere(self, run: Run, began: float, on_wait: OnWait, on_start: Callable[[], None] | None) -> None:
        """An engine may die before it begins; the run has lost nothing then and goes to another."""
        for attempt in itertools.count(1):
            if run.cancelled:
                raise Exhausted("cancelled")
            engine = self._pool.lease(run.entry.key, on_wait)
            run.entry.runs += 1
            try:
                run.outcome.metrics.wait_ms = (time.monotonic() - began) * 1000
                if on_start:
                    _tell(on_start)
                engine.run(run)
                self._learn(run)
                return
            except NotStarted:
                engine.kill()
            finally:
                self._pool.release(engine, _reason(run))
            is_late = time.monotonic() - began > self.config.acquire_timeout_ms / 1000
            if attempt >= ATTEMPTS_TO_START and (is_late or self.is_able):
                break
        run.fail("ENGINE_CRASHED", "no engine lived long enough to begin the run")

    def _learn(self, run: Run) -> None:
        error = run.outcome.error
        if run.malformed or error is None or error.code == "RUNTIME_ERROR":
            run.entry.error = error if run.malformed else None
            run.entry.checked = True

    def _enter(self, number: str, run: Run) -> bool:
        with self._lock:
            if self._closed:
                run.fail("POOL_EXHAUSTED", "the runtime is closed", details={"reason": "closed"})
                return False
            if number in self._runs:
                raise ValueError(f"execution {number!r} is already running")
            self._runs[number] = run
            self._executions += 1
            return True

    def _leave(self, number: str) -> None:
        with self._lock:
            del self._runs[number]
            self._lock.notify_all()

    def _belongs_here(self) -> None:
        if os.getpid() != self._owner:
            raise RuntimeError("this Runtime was made by another process; make one after forking")

    # ---- Asking. ----

    def validate(self, source: str | Source, name: str | None = None) -> ScriptError | None:
        """None, or the syntax error. Runs nothing, and does not queue behind runs."""
        self._belongs_here()
        script = Source.of(source, name)
        problem = unfit(script, self.config.limits)
        if problem:
            return problem
        entry = self._compiler.find(script)
        if not entry.checked:
            error = self._aside.ask(lambda engine: engine.check(script))
            if error and error.code != "SYNTAX_ERROR":
                return error
            entry.error, entry.checked = error, True
        return entry.error

    def invalidate(self, source: str | Source | None = None) -> None:
        """Forget what is known about a source, or about all."""
        self._compiler.invalidate(None if source is None else Source.of(source))

    def probe(self) -> ScriptError | None:
        """None when an engine runs `1 + 1`, on an engine of its own: a busy pool is still ready."""
        self._belongs_here()
        script = Source("return 1 + 1", "probe.js")
        calls = Calls(HostFunctions(None), Limits(), self._workers, lambda message: None, None, None)
        limits = Limits(timeout_ms=10_000)
        run = Run(script, Entry(script.key), "[]", "", limits, calls)
        run.outcome.error = self._refusal(run, None, None)

        def ask(engine: Engine) -> ScriptError | None:
            engine.run(run)
            return run.outcome.error

        error = self._aside.ask(ask)
        if error is None and run.outcome.value != 2:
            return ScriptError.of("ENGINE_CRASHED", "an engine cannot add")
        return error

    def metrics(self) -> dict[str, Any]:
        """Gauges and counters, in plain values."""
        return {
            "executions": self._executions,
            "running": len(self._runs),
            "pool": self._pool.stats(),
            "compile_cache": self._compiler.stats(),
        }

    @property
    def is_able(self) -> bool:
        """Whether there are engines, or were when one was last made."""
        return self._pool.has_engines()

    def means(self) -> list[str]:
        """How engines are locked down here, as the last one to start reported it."""
        return list(self._pool.stats()["means"])

    def processes(self) -> list[int]:
        """The process ids of zygote and engines."""
        zygote = [self._pool.zygote_pid] if self._pool.zygote_pid else []
        return [*zygote, *self._pool.engine_pids(), *self._aside.pids()]

    # ---- Ending. ----

    def close(self, drain_seconds: float | None = None) -> None:
        """Refuse new and waiting work, let running work finish for a while, then cancel it and leave nothing behind."""
        if os.getpid() != self._owner:
            return
        until = time.monotonic() + (self.config.drain_seconds if drain_seconds is None else drain_seconds)
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._pool.refuse()
        self._wait_for_runs(until)
        with self._lock:
            left = list(self._runs.values())
        for run in left:
            run.cancel()
        self._wait_for_runs(time.monotonic() + 10)
        self._aside.close()
        self._pool.close()
        self._workers.close()

    def _wait_for_runs(self, until: float) -> None:
        with self._lock:
            self._lock.wait_for(lambda: not self._runs, max(0.0, until - time.monotonic()))

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _tell(listener: Callable[[], None]) -> None:
    try:
        listener()
    except Exception:
        log.exception("a listener to the start of runs failed")


_DEADLY = {
    "TIMEOUT": "timeout",
    "CPU_LIMIT": "cpu",
    "MEMORY_LIMIT": "memory",
    "CANCELLED": "cancelled",
    "ENGINE_CRASHED": "crashed",
}


def _reason(run: Run) -> str | None:
    """Why the engine of such a run must go; None when it may stay if it lives."""
    error = run.outcome.error
    return _DEADLY.get(error.code) if error else None
