"""The parent's handle on one engine process: start it, run one script at a time on it, kill it."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runtime import child
from runtime.calls import Calls
from runtime.compiler import Entry
from runtime.errors import ScriptError
from runtime.limits import KIB, MIB, Limits
from runtime.nursery import Nursery
from runtime.reports import script_error
from runtime.types import LogEntry, Outcome, Source
from runtime.wire import (
    ANSWER,
    CALL,
    CHECK,
    END,
    ERROR,
    LOGS,
    PING,
    PONG,
    READY,
    RUN,
    STARTED,
    VALUE,
    VERDICT,
    NotJson,
    ProtocolError,
    decode,
    frame,
    receive,
)

log = logging.getLogger(__name__)

LOOK_S = 0.02
"""How often a running engine's memory is looked at."""
CHECK_TIMEOUT_S = 10.0
MOST_SMALL_FRAME = 4 * MIB
_PAGE = os.sysconf("SC_PAGE_SIZE")
LEVELS = frozenset({"debug", "info", "warn", "error"})


class NotStarted(Exception):
    """The engine was gone before the run began: another one can take it."""


@dataclass(slots=True)
class Run:
    """One execution on its way through the runtime. `cancel` may come from any thread at any time."""

    source: Source
    entry: Entry
    settings: str
    limits: Limits
    calls: Calls
    on_log: Callable[[LogEntry], None] | None = None
    outcome: Outcome = field(default_factory=Outcome)
    cancelled: threading.Event = field(default_factory=threading.Event)
    engine: Engine | None = None
    tail: deque[LogEntry] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)
    on_cancel: Callable[[], None] | None = None
    number: int = 0

    def cancel(self) -> None:
        with self.lock:
            self.cancelled.set()
            engine, wake = self.engine, self.on_cancel
        self.calls.cancelled.set()
        if wake:
            wake()
        if engine:
            engine.kill()

    def board(self, engine: Engine | None) -> None:
        with self.lock:
            self.engine = engine
            if engine and self.cancelled.is_set():
                engine.kill()

    def fail(self, code: str, message: str, **more: Any) -> None:
        self.outcome.error = ScriptError.of(code, message, **more)


class Engine:
    def __init__(self, nursery: Nursery, most_prepared: int) -> None:
        self._sock, theirs = socket.socketpair()
        self._errors, errors = os.pipe()
        try:
            self._zygote, self.pid = nursery.fork(theirs, errors)
        except BaseException:
            self._sock.close()
            os.close(self._errors)
            raise
        finally:
            theirs.close()
            os.close(errors)
        self.born = self.released = time.monotonic()
        self.uses = 0
        self.prepared: OrderedDict[str, None] = OrderedDict()
        self.means: tuple[str, ...] = ()
        self.base_memory = 0
        self._most_prepared, self._number = most_prepared, 0
        self._sending, self._state = threading.Lock(), threading.Lock()
        self._dead = self._buried = False

    # ---- Life and death. ----

    @property
    def dead(self) -> bool:
        """Killed by us, or found to have hung up."""
        if not self._dead and select.select([self._sock], [], [], 0)[0]:
            with contextlib.suppress(OSError):
                self._dead = not self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return self._dead

    def kill(self) -> None:
        """At once, from any thread. The process id stays ours until `bury`."""
        with self._state:
            self._dead = True
            if not self._buried:
                with contextlib.suppress(OSError):
                    os.kill(self.pid, signal.SIGKILL)

    def bury(self) -> tuple[int | None, str]:
        """Kill, close, reap; the signal that ended it, if one did, and what it said on standard error."""
        with self._state:
            if self._buried:
                return None, ""
            self._buried = self._dead = True
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
        status = self._zygote.reap(self.pid)
        said = self._last_words()
        self._sock.close()
        os.close(self._errors)
        return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else None), said

    def _last_words(self) -> str:
        os.set_blocking(self._errors, False)
        try:
            return os.read(self._errors, 64 * KIB).decode(errors="replace")
        except OSError:
            return ""

    def resident(self) -> int:
        try:
            with open(f"/proc/{self.pid}/statm", "rb") as sizes:
                return int(sizes.read().split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            return 0

    # ---- Talking. ----

    def ping(self, timeout_s: float) -> bool:
        """It answers, so it is prepared and idle."""
        try:
            self._send(PING)
            return self._await((PONG,), timeout_s) is not None
        except (OSError, EOFError, ProtocolError):
            return False

    def check(self, source: Source) -> ScriptError | None:
        """Parse a source, run nothing."""
        try:
            self._send(CHECK, source.text.encode())
            payload = self._await((VERDICT,), CHECK_TIMEOUT_S)
        except (OSError, EOFError, ProtocolError):
            return ScriptError.of("ENGINE_CRASHED", "the engine died while checking the source")
        if payload is None:
            return ScriptError.of("TIMEOUT", "checking the source took too long")
        verdict = decode(payload)
        return script_error(verdict, source, Limits()) if verdict else None

    def run(self, run: Run) -> None:
        """Fill in the run's outcome. The engine may be dead afterwards."""
        run.board(self)
        try:
            self._begin(run)
            _Conversation(self, run).hold()
        finally:
            run.board(None)
            run.outcome.calls = run.calls.close()
            self.uses += 1

    def answer(self, message: bytes, number: int) -> None:
        with contextlib.suppress(OSError):
            self._send(ANSWER, child.pack_answer(number, message))

    def _begin(self, run: Run) -> None:
        key, limits = run.entry.key, run.limits
        run.number = self._number = (self._number + 1) % 2**32
        run.outcome.metrics.prepared = key in self.prepared
        order = {
            "run": self._number,
            "key": key,
            "name": run.source.name,
            "checked": run.entry.checked,
            "keep": run.entry.hot and self._most_prepared > 0,
            "memory": limits.memory_bytes,
            "cpu_s": limits.cpu_ms / 1000,
            "log_lines": limits.max_log_lines,
        }
        self.base_memory = self.resident()
        try:
            text = "" if run.outcome.metrics.prepared else run.source.text
            self._send(RUN, child.pack(order, text, run.settings))
            if self._await((STARTED,), 15.0) is None:
                raise NotStarted("the engine did not begin")
        except (OSError, EOFError) as error:
            raise NotStarted(str(error)) from None
        if order["keep"]:
            self._expect_prepared(key)  # the child keeps the same books

    def _expect_prepared(self, key: str) -> None:
        self.prepared[key] = None
        self.prepared.move_to_end(key)
        while len(self.prepared) > self._most_prepared:
            self.prepared.popitem(last=False)

    def _send(self, kind: bytes, payload: bytes = b"") -> None:
        with self._sending:
            self._sock.sendall(frame(kind, payload))

    def _await(self, kinds: tuple[bytes, ...], timeout_s: float) -> bytes | None:
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            if not self.readable(left):
                break
            kind, payload = self.receive(MOST_SMALL_FRAME, until)
            if kind == READY:
                self.means = tuple(str(name) for name in decode(payload)["means"])
            elif kind in kinds:
                return payload
            else:
                raise ProtocolError(f"unexpected frame {kind!r}")
        return None

    def readable(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(max(0.0, timeout_s) * 1000))

    def receive(self, most: int, until: float) -> tuple[bytes, bytes]:
        """One frame, whole by `until`: a hostile engine may send half of one and stop."""
        self._sock.settimeout(max(0.001, until - time.monotonic()))
        try:
            return receive(self._sock, most)
        finally:
            self._sock.settimeout(None)


class _Conversation:
    """What goes to and fro while one run lasts."""

    def __init__(self, engine: Engine, run: Run) -> None:
        self._engine, self._run, self._limits = engine, run, run.limits
        self._began = time.monotonic()
        self._deadline = self._began + run.limits.timeout_ms / 1000
        self._most = max(run.limits.max_output_bytes, run.limits.max_call_bytes) * 4 + MIB
        self._peak, self._lines, self._ended = 0, 0, False
        self._head = run.limits.max_log_lines - run.limits.max_log_lines // 10
        run.tail = deque(maxlen=max(1, run.limits.max_log_lines // 10))

    def hold(self) -> None:
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
        if run.cancelled.is_set() and not (self._ended and run.outcome.ok):
            run.outcome.value = None
            run.fail("CANCELLED", "the run was cancelled")
        self._finish_logs()

    def _listen(self) -> None:
        now = time.monotonic()
        if now >= self._deadline:
            raise TimeoutError
        if self._engine.readable(min(LOOK_S, self._deadline - now)):
            self._take(*self._engine.receive(self._most, self._deadline))
        elif self._overweight():
            self._engine.kill()

    def _overweight(self) -> bool:
        held = self._engine.resident() - self._engine.base_memory
        self._peak = max(self._peak, held)
        return held > self._limits.memory_bytes + child.DATA_HEADROOM

    def _take(self, kind: bytes, payload: bytes) -> None:
        run = self._run
        finished = run.outcome.error is not None or hasattr(self, "_valued")
        if kind == LOGS and not finished:
            self._take_logs(decode(payload))
        elif kind == CALL and not finished:
            if len(payload) > self._limits.max_call_bytes + KIB:
                raise ProtocolError("call too large")
            run.calls.accept(decode(payload), len(payload))
        elif kind == VALUE and not finished:
            self._valued = True
            self._take_value(payload)
        elif kind == ERROR and not finished:
            report = decode(payload)
            if not isinstance(report, dict):
                raise ProtocolError("malformed error")
            run.outcome.error = script_error(report, run.source, self._limits)
        elif kind == END and finished:
            self._take_end(decode(payload))
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

    # ---- Logs. ----

    def _take_logs(self, batch: Any) -> None:
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
        if level not in LEVELS or len(message) > self._limits.max_log_line_bytes + KIB:
            raise ProtocolError("malformed log line")
        run = self._run
        entry = LogEntry(level, message, line.get("data"), float(when))
        run.outcome.logs_truncated |= bool(line.get("cut"))
        self._lines += 1
        if self._lines <= self._head:
            self._keep(entry)
            return
        run.outcome.logs_dropped += len(run.tail) == run.tail.maxlen
        run.tail.append(entry)

    def _finish_logs(self) -> None:
        run, dropped = self._run, self._run.outcome.logs_dropped
        if dropped:
            run.outcome.logs_truncated = True
            when = run.tail[0].timestamp if run.tail else time.time()
            self._keep(LogEntry("warn", f"… {dropped} log lines dropped …", {"dropped": dropped}, when))
        for entry in run.tail:
            self._keep(entry)

    def _keep(self, entry: LogEntry) -> None:
        self._run.outcome.logs.append(entry)
        if self._run.on_log is None:
            return
        try:
            self._run.on_log(entry)
        except Exception:
            log.exception("a listener to log lines failed")

    # ---- Sudden ends. ----

    def _drain(self) -> None:
        """Log lines sent before the kill are still worth having."""
        with contextlib.suppress(OSError, EOFError, ProtocolError, NotJson):
            until = time.monotonic() + 0.05
            while self._engine.readable(0.01):
                kind, payload = self._engine.receive(self._most, until)
                if kind == LOGS:
                    self._take_logs(decode(payload))

    def _explain_death(self) -> None:
        run, limits = self._run, self._limits
        number, said = self._engine.bury()
        if said:
            log.info("engine %s said: %s", self._engine.pid, said[-2000:])
        if run.cancelled.is_set():
            return
        run.outcome.value = None
        if number in (signal.SIGPROF, signal.SIGXCPU):
            run.fail("CPU_LIMIT", f"the run used more than {limits.cpu_ms} ms of processor time")
        elif "out of memory" in said.lower() or "MemoryError" in said or self._peak > limits.memory_bytes * 0.8:
            run.fail("MEMORY_LIMIT", f"the run used more than {limits.memory_mb} MB of memory")
        else:
            run.fail("ENGINE_CRASHED", "the engine died during the run", details={"signal": number})
