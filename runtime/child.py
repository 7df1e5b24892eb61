"""The engine process: one script at a time, each in a pristine isolate, everything outside it asked of the parent."""

from __future__ import annotations

import heapq
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections import OrderedDict, deque
from typing import Any

from runtime import digests, sandbox
from runtime.chamber import CALL as SAID_CALL
from runtime.chamber import CRYPTO, FAIL, LOG, TIMER, UNTIMER, BadSyntax, Chamber
from runtime.chamber import VALUE as SAID_VALUE
from runtime.driver import ScriptFailure
from runtime.limits import MIB
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
    frame,
    receive,
)

MOST_FRAME = 64 * MIB
# Code, stacks and the collector's own room come on top of what a script may hold.
DATA_HEADROOM = 40 * MIB
SETTLE_S = 0.1
LOOK_MS = 100
LOG_TAIL_FLUSH_S = 0.25
_PAGE = resource.getpagesize()
_SIZES = struct.Struct("<III")
_RUN_NUMBER = struct.Struct("<I")


class Gauge:
    """Memory of this process, through files of /proc opened before they were out of reach."""

    def __init__(self) -> None:
        self._sizes = sandbox.open_proc("statm", os.O_RDONLY)
        self._reset = sandbox.open_proc("clear_refs", os.O_WRONLY)

    @property
    def files(self) -> set[int]:
        return {file for file in (self._sizes, self._reset) if file is not None}

    def data(self) -> int | None:
        """What RLIMIT_DATA counts."""
        return None if self._sizes is None else int(os.pread(self._sizes, 100, 0).split()[5]) * _PAGE

    def resident(self) -> int:
        return 0 if self._sizes is None else int(os.pread(self._sizes, 100, 0).split()[1]) * _PAGE

    def start(self) -> None:
        if self._reset is not None:
            os.write(self._reset, b"5")

    def peak(self) -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Lines:
    """A run's log lines: the head goes out at once, of the rest the last few are kept and sent now and then."""

    def __init__(self, most: int, send: Any) -> None:
        self._tail: deque[str] = deque(maxlen=max(1, most // 10))
        self._head = most - most // 10
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
        if self._tail:
            self._send(f'{{"dropped":{self._dropped},"lines":[{",".join(self._tail)}]}}')
        self._tail.clear()
        self._dropped, self._flushed = 0, time.monotonic()


class Child:
    def __init__(
        self,
        sock: socket.socket,
        library: Any,
        gauge: Gauge,
        wake: tuple[int, int],
        means: list[str],
        prepared: int,
    ) -> None:
        self.wake = wake  # made before making one was forbidden
        self._sock, self._library, self._gauge, self._means = sock, library, gauge, means
        self._most_prepared = prepared
        self._early: tuple[bytes, bytes] | None = None
        self._sending = threading.Lock()
        self._spare: Chamber | None = Chamber(library)
        self._ready: dict[str, Chamber] = {}
        self._hot: OrderedDict[str, str] = OrderedDict()  # sources the parent need not send again

    def serve(self) -> None:
        """Until the parent hangs up."""
        self.send(READY, json.dumps({"means": self._means, "pid": os.getpid()}))
        try:
            while True:
                kind, payload = self._early or receive(self._sock, MOST_FRAME)
                self._early = None
                if kind == RUN:
                    self._run(payload)
                elif kind == CHECK:
                    self._check(payload)
                elif kind == PING:
                    self.send(PONG, "")
        except (EOFError, ConnectionError):
            return

    def send(self, kind: bytes, text: str) -> None:
        with self._sending:
            self._sock.sendall(frame(kind, text.encode("utf-8", "replace")))

    def answer_for(self, run: int) -> bytes | None:
        """The next answer to this run. The parent may already be sending the next order: that is put aside."""
        kind, payload = receive(self._sock, MOST_FRAME)
        if kind != ANSWER:
            self._early = kind, payload
            return None
        return payload[_RUN_NUMBER.size :] if _RUN_NUMBER.unpack_from(payload)[0] == run else None

    def _check(self, source: bytes) -> None:
        chamber = self._take(None)
        try:
            chamber.check(source.decode())
        except (BadSyntax, ScriptFailure) as failure:
            self.send(VERDICT, json.dumps(_failure_report(failure)))
        else:
            self.send(VERDICT, "null")
        self._spare = chamber  # nothing ran in it

    def _take(self, key: str | None) -> Chamber:
        if key is not None and key in self._ready:
            return self._ready.pop(key)
        chamber, self._spare = self._spare or Chamber(self._library), None
        return chamber

    def _run(self, payload: bytes) -> None:
        order, source, settings = _unpack(payload)
        prepared = order["key"] in self._ready
        source = source or self._hot.get(order["key"], "")
        self.send(STARTED, "")
        run = Run(self, self._take(order["key"]), order, self._gauge)
        pristine = run.perform(None if prepared else source, settings, self._sock)
        if pristine:
            self._spare = run.chamber
            return
        if not run.settled():
            os._exit(0)  # still busy with what it should have stopped: a new process is cheaper than waiting
        run.chamber.close()
        self._prepare(order, source)

    def _prepare(self, order: dict[str, Any], source: str) -> None:
        """What a run used up is made again now, while nobody waits."""
        self._spare = self._spare or Chamber(self._library)
        if not order["keep"]:
            return
        key = order["key"]
        self._hot[key] = source
        self._hot.move_to_end(key)
        if len(self._hot) > self._most_prepared:
            forgotten = self._ready.pop(self._hot.popitem(last=False)[0], None)
            if forgotten:
                forgotten.close()
        chamber = Chamber(self._library)
        chamber.compile(source, order["name"])
        self._ready[key] = chamber


class Run:
    """One script in its chamber, from its limits to its last frame."""

    def __init__(self, child: Child, chamber: Chamber, order: dict[str, Any], gauge: Gauge) -> None:
        self.chamber, self._child, self._order, self._gauge = chamber, child, order, gauge
        self._lines = Lines(order["log_lines"], lambda text: child.send(LOGS, text))
        self._timers: list[tuple[float, int]] = []
        self._cleared: set[int] = set()
        self._ending = threading.Lock()
        self._over = False
        self._wake, self._woken = child.wake
        chamber.heard = self._heard

    def perform(self, source: str | None, settings: bytes, sock: socket.socket) -> bool:
        """True when the script never began, and its chamber is as new."""
        self._limit()
        try:
            if source is not None:
                if not self._order["checked"]:
                    self.chamber.check(source)
                self.chamber.compile(source, self._order["name"])
        except (BadSyntax, ScriptFailure) as failure:
            self._end(ERROR, json.dumps(_failure_report(failure)))
            return isinstance(failure, BadSyntax)
        self.chamber.start(settings, self._entered)
        self._attend(sock)
        return False

    def settled(self) -> bool:
        until = time.monotonic() + SETTLE_S
        while self.chamber.isolate.busy and time.monotonic() < until:
            time.sleep(0.0005)
        return not self.chamber.isolate.busy

    def _limit(self) -> None:
        order, data = self._order, self._gauge.data()
        self._gauge.start()
        self._resident, self._cpu = self._gauge.resident(), time.process_time()
        self.chamber.isolate.limit_heap(order["memory"])
        if data is not None:
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            resource.setrlimit(resource.RLIMIT_DATA, (data + order["memory"] + DATA_HEADROOM, hard))
        signal.setitimer(signal.ITIMER_PROF, order["cpu_s"])

    def _unlimit(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))

    def _attend(self, sock: socket.socket) -> None:
        """Bring answers and due timers to the script until it is over."""
        ears = select.poll()
        ears.register(sock, select.POLLIN)
        ears.register(self._wake, select.POLLIN)
        while not self._over:
            for file, _ in ears.poll(self._until_timer_ms()):
                if file == self._wake:
                    os.read(self._wake, 4096)
                else:
                    self._take_answer()
            self._fire_due()
            if not self._over and self.chamber.isolate.out_of_memory:
                self._end(ERROR, json.dumps({"fixed": "MEMORY_LIMIT"}))

    def _take_answer(self) -> None:
        message = self._child.answer_for(self._order["run"])
        if message is not None and not self._over:
            self.chamber.deliver(message, self._entered)

    def _until_timer_ms(self) -> int:
        if not self._timers:
            return LOOK_MS
        return max(0, min(LOOK_MS, round((self._timers[0][0] - time.monotonic()) * 1000 + 0.5)))

    def _fire_due(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic() and not self._over:
            _, number = heapq.heappop(self._timers)
            if number in self._cleared:
                self._cleared.discard(number)
            else:
                self.chamber.deliver(str(number).encode(), self._entered)

    # On the isolate's thread, while JavaScript waits:

    def _heard(self, operation: int, text: str) -> str | None:
        try:
            return self._hear(operation, text)
        except OSError:
            os._exit(0)  # the parent is gone
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def _hear(self, operation: int, text: str) -> str | None:
        if self._over:
            return digests.answer(text) if operation == CRYPTO else None
        if operation == SAID_CALL:
            self._child.send(CALL, text)
        elif operation == LOG:
            self._lines.add(text)
        elif operation == SAID_VALUE:
            self._end(VALUE, text)
        elif operation == FAIL:
            self._end(ERROR, text)
        elif operation == CRYPTO:
            return digests.answer(text)
        elif operation == TIMER:
            number, wait = text.split()
            self._cleared.discard(int(number))
            heapq.heappush(self._timers, (time.monotonic() + float(wait) / 1000, int(number)))
            os.write(self._woken, b"t")
        elif operation == UNTIMER:
            self._cleared.add(int(text))
        return None

    def _entered(self, failure: ScriptFailure | None) -> None:
        if failure is not None:
            self._end(ERROR, json.dumps(_failure_report(failure)))

    def _end(self, kind: bytes, text: str) -> None:
        with self._ending:
            if self._over:
                return
            self._lines.flush()
            cpu_ms = (time.process_time() - self._cpu) * 1000
            self._unlimit()
            report = {"cpu_ms": cpu_ms, "peak": max(0, self._gauge.peak() - self._resident)}
            self._child.send(kind, text)
            self._child.send(END, json.dumps(report))
            self._over = True
            os.write(self._woken, b"o")


def _failure_report(failure: BadSyntax | ScriptFailure) -> dict[str, Any]:
    if isinstance(failure, BadSyntax):
        return {"fixed": "SYNTAX_ERROR", "report": failure.report, "prefix": failure.prefix}
    fixed = "MEMORY_LIMIT" if failure.kind in ("memory", "terminated") else None
    return {"fixed": fixed, "error": {"message": failure.message}}


def pack(order: dict[str, Any], source: str, settings: str) -> bytes:
    """A run on the wire: three sizes, then order, source and settings."""
    parts = json.dumps(order).encode(), source.encode(), settings.encode()
    return b"".join((_SIZES.pack(*map(len, parts)), *parts))


def pack_answer(run: int, message: bytes) -> bytes:
    """An answer names its run: one that comes late must not reach the next."""
    return _RUN_NUMBER.pack(run) + message


def _unpack(payload: bytes) -> tuple[dict[str, Any], str, bytes]:
    order, source, _ = _SIZES.unpack_from(payload)
    at = _SIZES.size
    return (
        json.loads(payload[at : at + order]),
        payload[at + order : at + order + source].decode(),
        payload[at + order + source :],
    )


def begin(sock: socket.socket, errors: int, library: Any, namespaces: list[str], prepared: int) -> None:
    """A forked process becomes an engine: keep three descriptors, give up the rest of the world, serve, end."""
    os.dup2(errors, 2)
    gauge = Gauge()
    kept = {2, sock.fileno(), *gauge.files}
    _close_all_but(kept)
    try:
        wake = os.pipe()
        Child(sock, library, gauge, wake, namespaces + sandbox.lock_down(), prepared).serve()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _close_all_but(kept: set[int]) -> None:
    low = 0
    for file in sorted(kept):
        os.closerange(low, file)
        low = file + 1
    os.closerange(low, 4096)
