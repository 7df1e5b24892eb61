"""The names of processes, under which they hold runs and slots; and whether the process behind a name is gone.

On the same machine that is plain to see, so nobody there has to wait for a dead process's lease. Of a process elsewhere,
in another container too, nothing is known: there the lease alone decides.
"""

import hashlib
import os
import socket
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

_HOST = socket.gethostname()[:20]
_BOOT = uuid4().hex[:8]
_UNKNOWN = "", ""


def holder() -> str:
    """This process, and no other that ever was: 64 characters at most."""
    born, world = _us(os.getpid())
    return f"{_HOST}:{os.getpid()}:{born}:{world}:{_BOOT}"


def is_gone(name: str) -> bool:
    """For sure: its process was one of this machine, and is none any more."""
    _host, _colon, rest = name.partition(":")
    pid, born, world, _boot = rest.split(":") if rest.count(":") == 3 else ("", *_UNKNOWN, "")
    if not world or world != _us(os.getpid())[1]:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is somebody else's
        pass
    try:
        state, began = _stat(pid)[1:]
    except OSError:
        return False
    return state in "ZX" or began != born


@lru_cache(maxsize=1)
def _us(pid: int) -> tuple[str, str]:
    """When this process began, in the kernel's own count, and where its number means it and no other: since this boot of this
    kernel, among these processes, by this clock. Numbers are given again, but not together with a beginning."""
    try:
        shown, _state, born = _stat("self")
        names = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "time")]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return _UNKNOWN
    if shown != str(pid):  # /proc is that of other processes than ours
        return _UNKNOWN
    return born, hashlib.sha256("".join([boot, *names]).encode()).hexdigest()[:12]


def _stat(pid: str) -> tuple[str, str, str]:
    """Its number, its state and its beginning; see proc(5)."""
    number, _space, rest = Path(f"/proc/{pid}/stat").read_text(errors="replace").partition(" ")
    fields = rest.rpartition(")")[2].split()
    return number, fields[0], fields[19]
