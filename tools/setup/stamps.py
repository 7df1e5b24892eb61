"""Skip a step whose inputs are, by content, what they were when it last succeeded, and whose outputs are there."""

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.setup.system import say


@dataclass(frozen=True)
class Step:
    title: str
    stamp: Path
    inputs: Iterable[Path]
    outputs: Iterable[Path]
    action: Callable[[], None]
    facts: tuple[str, ...] = ()
    """What else the outputs depend on: a version, a path."""

    def fingerprint(self) -> str:
        digest = hashlib.sha256("\0".join(self.facts).encode())
        for path in sorted(self.inputs):
            digest.update(f"\0{path}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def is_current(self) -> bool:
        try:
            return self.stamp.read_text() == self.fingerprint() and all(path.exists() for path in self.outputs)
        except FileNotFoundError:
            return False

    def ensure(self) -> bool:
        """Do the work unless it is done already; say whether it had to be done."""
        if self.is_current():
            return False
        started = time.monotonic()
        fingerprint = self.fingerprint()
        self.stamp.unlink(missing_ok=True)
        self.action()
        self.stamp.parent.mkdir(parents=True, exist_ok=True)
        self.stamp.write_text(fingerprint)
        say(f"{self.title} ({time.monotonic() - started:.1f} s)")
        return True
