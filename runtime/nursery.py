"""The parent's handle on the zygote: asks it for engines, and for how they ended."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from runtime.errors import EngineUnavailable
from runtime.host import all_names
from runtime.zygote import ANSWER, FORK, ORDER, REAP

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
START = "import sys; sys.path.insert(0, sys.argv[1]); from runtime import zygote; zygote.main(*map(int, sys.argv[2:4]), sys.argv[4])"
# No credentials, no settings: engines see UTC and nothing of the parent's environment.
ENVIRONMENT = {"PATH": os.defpath, "TZ": "UTC", "LANG": "C.UTF-8"}
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 5.0
"""A fork takes milliseconds. A zygote that was given up on lives on with its engines, so being wrong costs a new one."""
LEAST_AGE_S = 2.0
"""A zygote is not given up on its engines' account before: what kills engines may have nothing to do with it."""


_zygotes: weakref.WeakSet[Zygote] = weakref.WeakSet()


def _let_go() -> None:
    """With a forked process's copy of the socket open, a zygote would not see its parent die."""
    for zygote in _zygotes:
        zygote.let_go()


os.register_at_fork(after_in_child=_let_go)


class Zygote:
    """One running zygote. When it ends, so do its engines; when it only gives no more of them, those it gave go on, and
    the last one to be reaped ends it."""

    _engines = 0
    _is_deaf = _is_retired = False

    def __init__(self, prepared: int) -> None:
        ours, theirs = socket.socketpair()
        self._sock, self._lock = ours, threading.Lock()
        self.born = time.monotonic()
        _zygotes.add(self)
        with theirs, tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", START, str(ROOT), str(theirs.fileno()), str(prepared), all_names()],
                pass_fds=[theirs.fileno()],
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            theirs.close()
            ours.settimeout(START_TIMEOUT_S)
            try:
                _, has_snapshot = self._receive()
            except OSError as error:
                self.close()
                errors.seek(0)
                said = errors.read(4000).decode(errors="replace").strip()
                raise EngineUnavailable(f"the engine process did not start: {said or error}") from None
        ours.settimeout(ANSWER_TIMEOUT_S)
        if not has_snapshot:
            log.warning(
                "this build of V8 takes no snapshots: every engine is made anew, which costs a third of the pace"
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> str:
        """How, or nothing while it runs."""
        status = self._process.poll()
        if status is None:
            return ""
        return f"signal {-status}" if status < 0 else f"status {status}"

    def fork(self, sock: socket.socket, errors: int) -> int:
        with self._lock:
            pid, number = self._ask(
                FORK, 0, lambda order: socket.send_fds(self._sock, [order], [sock.fileno(), errors])
            )
            self._engines += pid >= 0
        if pid < 0:
            raise EngineUnavailable(f"no engine process: {os.strerror(number)}")
        return pid

    def reap(self, pid: int) -> int:
        """The wait status of an engine that is dying; 0 when nobody knows any more."""
        try:
            with self._lock:
                self._engines -= 1
                return self._ask(REAP, pid, self._sock.sendall)[1]
        except OSError:
            return 0
        finally:
            self._end_if_childless()

    def retire(self) -> None:
        """No more engines of this one; what runs in those it gave goes on."""
        self._is_retired = True
        self._end_if_childless()

    def _end_if_childless(self) -> None:
        with self._lock:
            is_over = self._is_retired and self._engines <= 0
        if is_over:
            self.close()

    def _ask(self, order: bytes, pid: int, send: Callable[[bytes], object]) -> tuple[int, int]:
        """Its answer. After one that did not come in time nothing is asked any more: it would be taken for the next one's."""
        if self._is_deaf:
            raise ConnectionError("the zygote does not answer")
        try:
            send(ORDER.pack(order, pid))
            return self._receive()
        except OSError:
            self._is_deaf = True
            raise

    def let_go(self) -> None:
        """In a process forked from the parent, whose zygote this is not."""
        self._sock.close()

    def close(self) -> None:
        with self._lock:  # nobody waits for its answer meanwhile: the number of the file may soon be another's
            self._sock.close()
        if self._is_deaf:
            self._process.kill()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self) -> tuple[int, int]:
        data = b""
        while len(data) < ANSWER.size:
            part = self._sock.recv(ANSWER.size - len(data))
            if not part:
                raise ConnectionError("the zygote is gone")
            data += part
        pid, status = ANSWER.unpack(data)
        return pid, status


class Nursery:
    """Keeps a zygote running."""

    def __init__(self, prepared: int) -> None:
        self._prepared, self._lock = prepared, threading.Lock()
        self._zygote: Zygote | None = None
        self._closed = False

    def fork(self, sock: socket.socket, errors: int) -> tuple[Zygote, int]:
        """A new engine on `sock`; raises EngineUnavailable."""
        zygote = self._current()
        try:
            return zygote, zygote.fork(sock, errors)
        except OSError as error:
            log.warning("the zygote is broken (%s); starting another", zygote.ended or error)
            self._let_go(zygote)
        zygote = self._current()
        try:
            return zygote, zygote.fork(sock, errors)
        except OSError as error:
            raise EngineUnavailable(f"the zygote broke twice: {error}") from None

    def renew(self) -> None:
        """Another zygote for the engines to come: too many of this one's died at their birth."""
        zygote = self._zygote
        if zygote and time.monotonic() - zygote.born > LEAST_AGE_S:
            log.error("engines die at their birth, one after another; starting another zygote")
            self._let_go(zygote)

    @property
    def pid(self) -> int | None:
        zygote = self._zygote
        return zygote.pid if zygote else None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            zygote, self._zygote = self._zygote, None
        if zygote:
            zygote.close()

    def _current(self) -> Zygote:
        with self._lock:
            if self._closed:
                raise EngineUnavailable("the runtime is closed")
            if self._zygote and self._zygote.ended:
                log.warning("the zygote ended (%s), and its engines with it; starting another", self._zygote.ended)
                self._zygote.close()
                self._zygote = None
            if self._zygote is None:
                self._zygote = Zygote(self._prepared)
            return self._zygote

    def _let_go(self, zygote: Zygote) -> None:
        with self._lock:
            if self._zygote is not zygote:
                return
            self._zygote = None
        zygote.retire()
