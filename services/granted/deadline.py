"""One end for everything a host call does: its own timeout, the end of the run, or the run's cancellation."""

import time
from threading import Event
from typing import Protocol

from runtime.errors import HostError

# How long I/O waits at a stretch before it looks whether the run was cancelled.
GLANCE_SECONDS = 0.1


class RunningCall(Protocol):
    @property
    def cancelled(self) -> Event: ...
    def remaining(self) -> float: ...


class TimeUp(Exception):
    """The time of this call is over. Its owner turns this into its own coded error."""


class Deadline:
    def __init__(self, seconds: float, cancelled: Event | None = None) -> None:
        self._ends_at = time.monotonic() + seconds
        self._cancelled = cancelled or Event()

    @classmethod
    def of_call(cls, seconds: float, call: RunningCall | None) -> "Deadline":
        """The earlier of these seconds and the end of the running script; outside a run, these seconds."""
        return cls(seconds) if call is None else cls(min(seconds, call.remaining()), call.cancelled)

    def remaining(self) -> float:
        """The seconds left, always more than none: with none left, or in a cancelled run, it raises."""
        if self._cancelled.is_set():
            raise HostError("CANCELLED", "The run was cancelled")
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeUp
        return left

    def glance(self) -> float:
        """How long to wait now before asking again."""
        return min(self.remaining(), GLANCE_SECONDS)

    def share(self, parts: int) -> "Deadline":
        """An equal part of what is left, for one of several attempts."""
        return Deadline(self.remaining() / parts, self._cancelled)

    def allows(self, seconds: float) -> bool:
        return seconds < self.remaining()

    def sleep(self, seconds: float) -> None:
        wake_at = time.monotonic() + seconds
        while (left := wake_at - time.monotonic()) > 0:
            self._cancelled.wait(min(left, self.remaining()))
        self.remaining()
