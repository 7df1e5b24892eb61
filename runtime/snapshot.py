"""Isolates that begin with the prelude in them: V8's start-up snapshot, taken once for all engines of a zygote.

mini-racer has no word for snapshots, but its library exports V8's own functions. A build that hides or renames one, or fails at it,
loses the time this saves and nothing else: the prelude is then evaluated in every isolate.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

from runtime.chamber import Chamber, build

_TAKE = (
    "_ZN2v88internal30CreateSnapshotDataBlobInternalENS_15SnapshotCreator20FunctionCodeHandlingEPKc"
    "NS_4base5FlagsINS0_8Snapshot14SerializerFlagEiiEE"
)
_DEFAULT = "_ZN2v88internal8Snapshot19DefaultSnapshotBlobEv"
_KEEP_CODE = 1
_PATIENCE_S = 10
_ATTEMPTS = 5
_MOST_BYTES = 16 * 1024 * 1024


class _Data(ctypes.Structure):
    _fields_ = (("bytes", ctypes.c_void_p), ("size", ctypes.c_int))


def install(library: Any, names: str) -> bool:
    """Let all isolates made from here on begin with the prelude and the SDK of these host names. There must be none yet."""
    for _ in range(_ATTEMPTS):
        snapshot = _taken_elsewhere(library, names)
        # Seen with one in six: the process that took it can begin with it, and V8 in all others ends at it.
        if snapshot and _made_elsewhere(partial(_tried, library, snapshot)):
            return _use(library, snapshot)
    return False


def _taken_elsewhere(library: Any, names: str) -> bytes | None:
    return _made_elsewhere(lambda: _tried(library, _take(library, build(names))))


def _made_elsewhere(make: Callable[[], bytes]) -> bytes | None:
    """By a process that ends with it: this one stays without an isolate, and lives whatever happens there."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return None
    if pid == 0:
        os.close(reader)
        signal.alarm(_PATIENCE_S)
        try:
            _tell(writer, make())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        snapshot = pipe.read(_MOST_BYTES)
    os.waitpid(pid, 0)
    return snapshot or None


def _tell(writer: int, snapshot: bytes) -> None:
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(snapshot)


def _take(library: Any, code: str) -> bytes:
    take = ctypes.CFUNCTYPE(_Data, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)((_TAKE, library))
    data = take(_KEEP_CODE, code.encode(), 0)
    return ctypes.string_at(data.bytes, data.size) if data.bytes else b""


def _tried(library: Any, snapshot: bytes) -> bytes:
    """The snapshot, if an isolate begins with it."""
    if not snapshot or not _use(library, snapshot):
        return b""
    chamber = Chamber(library)
    return snapshot if chamber.from_snapshot else b""


def _use(library: Any, snapshot: bytes) -> bool:
    """V8 keeps the place and size of the snapshot it was built with where programs may not write; now they name ours."""
    default = ctypes.CFUNCTYPE(ctypes.POINTER(_Data))((_DEFAULT, library))().contents
    place = mmap.mmap(-1, len(snapshot), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    place.write(snapshot)
    if not _protect(default, mmap.PROT_READ | mmap.PROT_WRITE):
        return False
    default.bytes, default.size = ctypes.addressof(ctypes.c_char.from_buffer(place)), len(snapshot)
    _protect(default, mmap.PROT_READ)
    _kept.append(place)
    return True


def _protect(data: _Data, how: int) -> bool:
    """What may be done with the memory it lies in."""
    first, end = ctypes.addressof(data) & -mmap.PAGESIZE, ctypes.addressof(data) + ctypes.sizeof(data)
    return bool(ctypes.CDLL(None).mprotect(ctypes.c_void_p(first), ctypes.c_size_t(end - first), how) == 0)


_kept: list[mmap.mmap] = []
