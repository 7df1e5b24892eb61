"""A file that one process at a time holds. The kernel lets go when the process ends, so nothing is ever stale."""

import fcntl
from pathlib import Path
from typing import IO


class Held(Exception):
    """Somebody else holds it; `note` is what they wrote there."""

    def __init__(self, note: str) -> None:
        super().__init__(note)
        self.note = note


def hold(path: Path, note: str) -> IO[str]:
    """Take the lock and write the note for whoever comes second; closing the file releases it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        with file:
            raise Held(file.read().strip()) from None
    file.truncate(0)
    file.write(note)
    file.flush()
    return file
