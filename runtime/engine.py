"""The parent's handle on one engine process: start it, run one script at a time on it, kill it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections import OrderedDict
from typing import Any

from runtime import wire
from runtime.conversation import Conversation
from runtime.errors import ScriptError
from runtime.limits import KIB, MIB, Limits
from runtime.nursery import Nursery
from runtime.reports import script_error
from runtime.run import Run
from runtime.types import Source
from runtime.wire import NotJson, ProtocolError, decode

START_TIMEOUT_S = 15.0
CHECK_TIMEOUT_S = 10.0
MOST_SMALL_FRAME = 4 * MIB
BEHIND = 10
"""How much nicer an engine is to others once its run has shown to be a long one."""
_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
_LOST = (OSError, EOFError, ProtocolError, NotJson)
"""What talking to an engine that is gone, or not honest, ends in."""


class NotStarted(Exception):
    """The engine was gone before the run began: another one can take it."""


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
        self._sizes = _open(f"/proc/{self.pid}/statm")
        self._times = _open(f"/proc/{self.pid}/stat")
        self.inbox = wire.Inbox(self._sock)
        self.born = self.released = time.monotonic()
        self.uses = 0
        self.prepared: OrderedDict[str, None] = OrderedDict()
        self.means: tuple[str, ...] = ()
        self.base_memory = 0
        self.stepped_back = False
        self.stood = False
        """It was ready for a run once; one that dies before was born unfit."""
        self._most_prepared, self._number = most_prepared, 0
        self._sending, self._state = threading.Lock(), threading.Lock()
        self._dead = self._buried = self._rested = False

    # ---- Life and death. ----

    @property
    def dead(self) -> bool:
        """Killed by us, or found to have hung up. For whoever holds the engine, as it takes in what has arrived."""
        if not self._dead and self.inbox.readable():
            try:
                self.inbox.fill()
            except (EOFError, OSError):
                self._dead = True
        return self._dead

    @property
    def rested(self) -> bool:
        """All is prepared for another run, as far as can be seen without waiting. For whoever holds the engine."""
        if not self._rested and not self.dead:
            self._rested = self.inbox.drop(wire.RESTED)
            self.stood = self.stood or self._rested
        return self._rested

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
        for file in (self._sizes, self._times):
            if file is not None:
                os.close(file)
        self._sizes = self._times = None
        return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else None), said

    def _last_words(self) -> str:
        os.set_blocking(self._errors, False)
        try:
            return os.read(self._errors, 64 * KIB).decode(errors="replace")
        except OSError:
            return ""

    def resident(self) -> int:
        """Bytes of memory it holds; 0 when that cannot be seen."""
        if self._sizes is None:
            return 0
        try:
            return int(os.pread(self._sizes, 100, 0).split()[1]) * _PAGE
        except (OSError, IndexError):
            return 0

    def processor_s(self) -> float:
        """Processor time it has used; 0 when that cannot be seen."""
        if self._times is None:
            return 0.0
        try:
            fields = os.pread(self._times, 1000, 0).rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) / _TICKS
        except (OSError, IndexError):
            return 0.0

    def step_back(self) -> None:
        """Whatever is quick goes before it from now on. There is no way forward again, so it serves one run at most."""
        self.stepped_back = True
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{self.pid}/task"):
                os.setpriority(os.PRIO_PROCESS, int(thread), min(19, os.getpriority(os.PRIO_PROCESS, 0) + BEHIND))

    # ---- Talking. ----

    def ping(self, timeout_s: float) -> bool:
        """It answers, so it is prepared and idle."""
        try:
            self._order(wire.PING, b"", timeout_s)
            return self._await(wire.PONG, timeout_s) is not None
        except _LOST:
            return False

    def check(self, source: Source) -> ScriptError | None:
        """Parse a source, run nothing."""
        try:
            self._order(wire.CHECK, source.text.encode(), CHECK_TIMEOUT_S)
            payload = self._await(wire.VERDICT, CHECK_TIMEOUT_S)
            verdict = decode(payload) if payload is not None else {}
        except _LOST:
            return ScriptError.of("ENGINE_CRASHED", "the engine died while checking the source")
        if payload is None:
            return ScriptError.of("TIMEOUT", "checking the source took too long")
        return script_error(verdict, source, Limits()) if isinstance(verdict, dict) else None

    def run(self, run: Run) -> None:
        """Fill in the run's outcome. The engine may be dead afterwards."""
        keep = run.entry.hot and self._most_prepared > 0
        run.board(self)
        try:
            self._begin(run, keep)
            if Conversation(self, run).hold() and keep:
                self._expect_prepared(run)
        except BaseException:  # an interrupt too: what the script still does here must not be anybody's
            self.kill()
            raise
        finally:
            run.board(None)
            run.outcome.calls = run.calls.close()
            self.uses += 1

    def answer(self, message: bytes, number: int) -> None:
        with contextlib.suppress(OSError):
            self._send(wire.ANSWER, wire.pack_answer(number, message))

    def _begin(self, run: Run, keep: bool) -> None:
        key, limits = run.entry.key, run.limits
        run.number = self._number = (self._number + 1) % 2**32
        run.outcome.metrics.prepared = key in self.prepared
        order = {
            "run": self._number,
            "key": key,
            "name": run.source.name,
            "names": run.names,
            "checked": run.entry.checked,
            "keep": keep,
            "memory": limits.memory_bytes,
            "cpu_s": limits.cpu_ms / 1000,
            "log_lines": limits.max_log_lines,
        }
        text = "" if run.outcome.metrics.prepared else run.source.text
        try:
            self._order(wire.RUN, wire.pack_order(order, text, run.settings), START_TIMEOUT_S)
            self.base_memory = self.resident()
            if not self._rested and self._await(wire.RESTED, START_TIMEOUT_S) is None:
                raise NotStarted("the engine did not begin")
        except _LOST as error:
            raise NotStarted(str(error)) from None
        self._rested = False

    def _expect_prepared(self, run: Run) -> None:
        """The child keeps the same books."""
        if run.malformed:
            return
        self.prepared[run.entry.key] = None
        self.prepared.move_to_end(run.entry.key)
        while len(self.prepared) > self._most_prepared:
            self.prepared.popitem(last=False)

    def _order(self, kind: bytes, payload: bytes, timeout_s: float) -> None:
        """To an engine that has nothing to do but listen: one that stands still must hold nobody for ever."""
        whole = wire.frame(kind, payload)
        with self._sending:
            try:
                sent = self._sock.send(whole, socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            if sent < len(whole):
                self._send_slowly(whole[sent:], timeout_s)

    def _send_slowly(self, rest: bytes, timeout_s: float) -> None:
        self._sock.settimeout(timeout_s)
        try:
            self._sock.sendall(rest)
        finally:
            self._sock.settimeout(None)

    def _send(self, kind: bytes, payload: bytes = b"") -> None:
        with self._sending:
            self._sock.sendall(wire.frame(kind, payload))

    def _await(self, kind: bytes, timeout_s: float) -> bytes | None:
        until = time.monotonic() + timeout_s
        while True:
            whole = self.inbox.take(MOST_SMALL_FRAME)
            if whole is None:
                left = until - time.monotonic()
                if left <= 0 or not self.inbox.readable(left * 1000):
                    return None
                self.inbox.fill()
                continue
            if whole[0] == wire.RESTED:
                self._rested = self.stood = True
            elif whole[0] == wire.READY:
                self._introduce(decode(whole[1]))
            elif whole[0] != kind:
                raise ProtocolError(f"unexpected frame {whole[0]!r}")
            if whole[0] == kind:
                return whole[1]

    def _introduce(self, report: Any) -> None:
        match report:
            case {"means": list() as means}:
                self.means = tuple(str(name) for name in means)
            case _:
                raise ProtocolError("malformed introduction")


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
