"""The parent's handle on the zygote: asks it for engines, and for how they ended."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
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
ANSWER_TIMEOUT_S = 15.0


_zygotes: weakref.WeakSet[Zygote] = weakref.WeakSet()


def _let_go() -> None:
    """With a forked process's copy of the socket open, a zygote would not see its parent die."""
    for zygote in _zygotes:
        zygote.let_go()


os.register_at_fork(after_in_child=_let_go)


class Zygote:
    """One running zygote. When it breaks, it and its engines are gone; the nursery starts another."""

    def __init__(self, prepared: int) -> None:
        ours, theirs = socket.socketpair()
        self._sock, self._lock = ours, threading.Lock()
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
    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, sock: socket.socket, errors: int) -> int:
        with self._lock:
            socket.send_fds(self._sock, [ORDER.pack(FORK, 0)], [sock.fileno(), errors])
            pid, number = self._receive()
        if pid < 0:
            raise EngineUnavailable(f"no engine process: {os.strerror(number)}")
        return pid

    def reap(self, pid: int) -> int:
        """The wait status of an engine that is dying; 0 when nobody knows any more."""
        try:
            with self._lock:
                self._sock.sendall(ORDER.pack(REAP, pid))
                return self._receive()[1]
        except OSError:
            return 0

    def let_go(self) -> None:
        """In a process forked from the parent, whose zygote this is not."""
        self._sock.close()

    def close(self) -> None:
        self._sock.close()
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
            log.warning("the zygote is broken (%s); starting another", error)
            self._discard(zygote)
        zygote = self._current()
        try:
            return zygote, zygote.fork(sock, errors)
        except OSError as error:
            raise EngineUnavailable(f"the zygote broke twice: {error}") from None

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
            if self._zygote is None or not self._zygote.alive:
                self._zygote = Zygote(self._prepared)
            return self._zygote

    def _discard(self, zygote: Zygote) -> None:
        with self._lock:
            if self._zygote is zygote:
                self._zygote = None
        zygote.close()
