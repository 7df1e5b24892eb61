"""Temporary files in memory, where there is room: every test has a database of its own, and disks are slow to forget them."""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # a file system, not a file in a place anybody could guess
ROOM = 8 * 1024**3


def _has_room() -> bool:
    """Also for programs: where root's home is closed, PostgreSQL is started from a copy."""
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)):
        return False
    return shutil.disk_usage(MEMORY).free >= ROOM and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC


if "TMPDIR" not in os.environ and _has_room():
    os.environ["TMPDIR"] = str(MEMORY)  # processes that tests start inherit it
    tempfile.tempdir = None
