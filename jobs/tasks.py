"""What workers do: take runs from a job and perform them on the engine pool, many at a time, fair between tenants.

A job is done as soon as its runs are taken: how long they take is no business of the queue. What this process holds and
has not begun is still `queued` in the database; if the process dies, the sweep hands it over again.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from flask import Flask, current_app

from models.base import db, utcnow
from services import claims, outbox
from services.calls import Call
from services.errors import Busy
from services.executions import perform
from services.queue import HandedOver
from services.wiring import settings

log = logging.getLogger(__name__)

# Somebody in another process may have made room: how soon to look again.
LOOK_AGAIN_S = 0.25


def take(runs: Sequence[Sequence[str]]) -> None:
    """The one task there is."""
    current_app.extensions["dispatcher"].add((UUID(tenant), UUID(script), UUID(run)) for tenant, script, run in runs)


class Waiting:
    """Runs that wait for a thread: tenants take turns, and a script or tenant that is full lets the others pass."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[UUID, deque[HandedOver]] = OrderedDict()
        self._full: dict[UUID, float] = {}  # script or tenant: when to try again

    def __len__(self) -> int:
        return sum(map(len, self._tenants.values()))

    def add(self, run: HandedOver) -> None:
        self._tenants.setdefault(run[0], deque()).append(run)

    def add_first(self, run: HandedOver) -> None:
        self._tenants.setdefault(run[0], deque()).appendleft(run)

    def is_full(self, whose: UUID, now: float) -> None:
        self._full[whose] = now + LOOK_AGAIN_S

    def has_room(self, *whose: UUID) -> None:
        for one in whose:
            self._full.pop(one, None)

    def next(self, now: float) -> HandedOver | None:
        self._full = {whose: until for whose, until in self._full.items() if until > now}
        for tenant_id, runs in list(self._tenants.items()):
            found = None if tenant_id in self._full else self._first(runs)
            if found:
                self._tenants.move_to_end(tenant_id)
                if not runs:
                    del self._tenants[tenant_id]
                return found
        return None

    def take_all(self) -> list[HandedOver]:
        runs = [run for queue in self._tenants.values() for run in queue]
        self._tenants.clear()
        return runs

    def _first(self, runs: deque[HandedOver]) -> HandedOver | None:
        for run in runs:
            if run[1] not in self._full:
                runs.remove(run)
                return run
        return None


class Dispatcher:
    """The threads of a worker process."""

    def __init__(self, app: Flask, threads: int) -> None:
        self._app = app
        self._waiting = Waiting()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def add(self, runs: Iterable[HandedOver]) -> None:
        with self._changed:
            for run in runs:
                self._waiting.add(run)
            self._changed.notify_all()

    def close(self, drain_seconds: float) -> None:
        """What runs may finish; what waits is given back for another worker."""
        with self._changed:
            self._stopping = True
            left = self._waiting.take_all()
            self._changed.notify_all()
        if left:
            with self._app.app_context():
                outbox.put_back(left)
        until = time.monotonic() + drain_seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (run := self._next()) is not None:
            self._perform(run)

    def _perform(self, run: HandedOver) -> None:
        came_back: list[Busy] = []

        def on_busy(call: Call, busy: Busy) -> None:
            """Its turn had not come: no attempt is burnt, and it keeps its place here."""
            claims.give_back(call.execution_id, utcnow() + timedelta(seconds=settings().run_lease_s))
            db.session.commit()
            came_back.append(busy)

        try:
            with self._app.app_context():
                perform(run[2], on_busy=on_busy)
        except Exception:
            log.exception("run %s could not be performed; the sweep finds it", run[2])
        self._after(run, came_back[0] if came_back else None)

    def _next(self) -> HandedOver | None:
        with self._changed:
            while not self._stopping:
                found = self._waiting.next(time.monotonic())
                if found:
                    return found
                self._changed.wait(LOOK_AGAIN_S if len(self._waiting) else None)
        return None

    def _after(self, run: HandedOver, busy: Busy | None) -> None:
        tenant_id, script_id, _ = run
        with self._changed:
            if busy is None:
                self._waiting.has_room(tenant_id, script_id)
            elif not self._stopping:
                self._waiting.add_first(run)
                self._waiting.is_full(script_id if busy.whose == "script" else tenant_id, time.monotonic())
            self._changed.notify()
