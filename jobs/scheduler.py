"""The scheduler process: a few chores, each at its own pace, until SIGTERM.

Any number of schedulers may run: what a chore does is claimed in the database, so two of them never do the same thing.
"""

import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from flask import Flask

from jobs.web import nothing

log = logging.getLogger(__name__)

LONGEST_NAP = 0.5  # of the main thread: a signal sets a flag, and does not end its sleep
EARLY = 0.3  # what is nearly due is done along with what is due: waking costs more than most of it
LONGEST_BACKOFF = 5.0  # schedules are late by this much when the database comes back


@dataclass(frozen=True)
class Chore:
    name: str
    every_s: float
    run: Callable[[], object]
    lane: str = ""  # chores of another lane never make it late: each lane is a thread
    until_next: Callable[[], float] | None = None
    """Seconds until there is something to do, where that can be known; `every_s` is then how often it is looked for."""


@dataclass
class _Turn:
    chore: Chore
    due: float
    failures: int = 0


class _Stopping(threading.Event):
    """A second signal may come while the first is being handled, so their handler takes no lock: it sets a flag, which the main
    thread sees between two naps."""

    asked = False

    def is_set(self) -> bool:
        return self.asked or super().is_set()


def run_scheduler(app: Flask, chores: Sequence[Chore], on_stop: Callable[[], None] = nothing) -> None:
    """Run each chore whenever it is due. The chores at hand are finished before the process ends."""
    stopping = _Stopping()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.asked = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    lanes: dict[str, list[_Turn]] = defaultdict(list)
    for chore in chores:
        lanes[chore.lane].append(_Turn(chore, time.monotonic()))
    threads = [
        threading.Thread(target=_work, args=(app, turns, stopping), name=lane) for lane, turns in lanes.items() if lane
    ]
    for thread in threads:
        thread.start()
    try:
        _work(app, lanes[""], stopping)
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
        on_stop()


def _work(app: Flask, turns: Sequence[_Turn], stopping: threading.Event) -> None:
    while not stopping.is_set():
        is_time = any(turn.due <= time.monotonic() for turn in turns)
        for turn in turns:
            if is_time and not stopping.is_set() and turn.due <= time.monotonic() + EARLY:
                _take(turn, app)
        _nap(turns, stopping)


def _take(turn: _Turn, app: Flask) -> None:
    try:
        with app.app_context():
            turn.chore.run()
            wait = turn.chore.until_next() if turn.chore.until_next else turn.chore.every_s
        turn.failures = 0
    except Exception:
        turn.failures += 1
        wait = turn.chore.every_s
        log.exception("chore %s failed, %d in a row", turn.chore.name, turn.failures)
    turn.due = time.monotonic() + pause(min(wait, turn.chore.every_s), turn.failures)


def pause(every_s: float, failures: int) -> float:
    """Until the next turn: the chore's own pace, doubled with each failure in a row."""
    backoff = min(LONGEST_BACKOFF, 0.5 * 2.0 ** min(failures, 10)) if failures else 0.0
    return max(every_s, backoff)


def _nap(turns: Sequence[_Turn], stopping: threading.Event) -> None:
    wait = max(0.0, min(turn.due for turn in turns) - time.monotonic()) if turns else LONGEST_NAP
    if threading.current_thread() is threading.main_thread():
        time.sleep(min(LONGEST_NAP, wait))
    else:
        stopping.wait(wait)
