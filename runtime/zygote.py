"""The process engines are forked from: V8 initialised, no isolate, one thread. It does what its parent says, nothing else."""

from __future__ import annotations

import encodings.utf_16_le  # noqa: F401  (an engine cannot load code any more)
import gc
import os
import signal
import socket
import struct
from typing import Any

from runtime import child, driver, sandbox, snapshot
from runtime.limits import MAX_MEMORY_MB

# The heap flag is the ceiling for all engines; each run has its own, lower limit.
FLAGS = (
    "--single-threaded",
    "--disallow-code-generation-from-strings",
    f"--max-heap-size={MAX_MEMORY_MB + 128}",
    "--enable-experimental-regexp-engine-on-excessive-backtracks",
    "--regexp-backtracks-before-fallback=50000",
    "--baseline-batch-compilation-threshold=8192",  # twice V8's own: most scripts end before, and the first batch takes 0.2 ms
)

FORK, REAP = b"F", b"W"
ANSWER = struct.Struct("<qq")
ORDER = struct.Struct("<cq")


def main(control: int, prepared: int, usual: str) -> None:
    """Serve one parent; when it hangs up, or dies, so do this process and every engine."""
    mind_own_signals()
    sock = socket.socket(fileno=control)
    library = driver.start(FLAGS)
    has_snapshot = snapshot.install(library, usual)
    namespaces = sandbox.enter_namespaces()
    gc.collect()
    gc.freeze()
    sock.sendall(ANSWER.pack(os.getpid(), has_snapshot))
    engines: set[int] = set()
    while True:
        data, files, _, _ = socket.recv_fds(sock, ORDER.size, 2)
        if len(data) < ORDER.size:
            break
        order, pid = ORDER.unpack(data)
        if order == FORK:
            sock.sendall(_fork(sock, files, engines, library, namespaces, prepared, usual))
        else:
            sock.sendall(ANSWER.pack(pid, _reap(pid, engines)))
    for pid in engines:
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


def mind_own_signals() -> None:
    """What the parent ignored or held back counts no more. What ends a whole group of processes ends these with the parent:
    it may let its runs finish first."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGCHLD, signal.SIGALRM, signal.SIGPROF, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _fork(control: socket.socket, files: list[int], engines: set[int], *endowment: Any) -> bytes:
    try:
        pid = os.fork()
    except OSError as error:
        for file in files:
            os.close(file)
        return ANSWER.pack(-1, error.errno or 0)
    if pid == 0:
        control.detach()
        child.begin(socket.socket(fileno=files[0]), files[1], *endowment)
    for file in files:
        os.close(file)
    engines.add(pid)
    return ANSWER.pack(pid, 0)


def _reap(pid: int, engines: set[int]) -> int:
    if pid not in engines:
        return 0
    engines.discard(pid)
    return os.waitpid(pid, 0)[1]
