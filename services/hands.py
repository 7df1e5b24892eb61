"""The threads of this process that perform runs, and the places of those whose turn has not come.

Nobody waits in a thread: a run that may not start yet (too many of its script or tenant go on) waits in a queue of its
tenant and is tried again when one of them may have ended. So one tenant's crowd takes no thread from another.
"""

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

from flask import Flask

from services import meters
from services.engine_meters import EngineMeters
from services.engines import engines_if_made, engines_of
from services.per_process import have, let_go, this_app
from services.places import places_of
from services.steward import Steward

log = logging.getLogger(__name__)

RETRY_EVERY_S = 0.25
FLUSH_EVERY_S = 0.5

Performer = Callable[[UUID], None]


class Hands:
    def __init__(self, app: Flask) -> None:
        self._app = app
        most = app.extensions["settings"].script_vm_pool_size + 2  # two more than engines, to keep these busy
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="run")
        self._lock = threading.Lock()
        self._waiting: dict[UUID, deque[tuple[UUID, Performer]]] = defaultdict(deque)
        self._closed = False
        self._next_try = self._next_flush = 0.0
        self._engine_meters = EngineMeters(app.extensions["redis"])
        self.steward = Steward(app, self._stop, self._tick)

    def perform(self, execution_id: UUID, performer: Performer) -> "Future[None]":
        """In a thread of its own, with an application context of its own."""
        return self._threads.submit(self._in_context, execution_id, performer)

    def wait(self, tenant_id: UUID, execution_id: UUID, performer: Performer) -> None:
        with self._lock:
            if self._closed:
                return
            self._waiting[tenant_id].append((execution_id, performer))
        self.steward.wake()

    def close(self, drain_seconds: float) -> None:
        """Those who wait stay queued in the database, where a sweep finds them."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._threads.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + drain_seconds
        while self.steward.busy() and time.monotonic() < until:
            time.sleep(0.05)
        self.steward.close()
        places_of(self._app).give_back()
        self._engine_meters.close()

    def _in_context(self, execution_id: UUID, performer: Performer) -> None:
        try:
            with self._app.app_context():
                performer(execution_id)
        except Exception:
            log.exception("run %s could not be performed; it will be found by the sweep", execution_id)

    def _tick(self) -> None:
        places_of(self._app).give_back()
        if time.monotonic() > self._next_flush:
            self._next_flush = time.monotonic() + FLUSH_EVERY_S
            if made := engines_if_made(self._app):
                self._engine_meters.report(made.metrics())
            meters.flush(self._app.extensions["redis"])
        if time.monotonic() < self._next_try:
            return
        self._next_try = time.monotonic() + RETRY_EVERY_S
        with self._lock:
            heads = [queue.popleft() for queue in self._waiting.values() if queue]
            self._waiting = defaultdict(deque, {tenant: queue for tenant, queue in self._waiting.items() if queue})
            # Before anybody closes: the threads would refuse them then, and end the steward.
            for execution_id, performer in heads:
                self.perform(execution_id, performer)

    def _stop(self, execution_id: str) -> None:
        engines_of(self._app).cancel(execution_id)


def hands() -> Hands:
    return hands_of(this_app())


def hands_of(app: Flask) -> Hands:
    return have(app, "hands", lambda: Hands(app))


def close(app: Flask) -> None:
    if made := let_go(app, "hands"):
        made.close(app.extensions["settings"].drain_seconds)
