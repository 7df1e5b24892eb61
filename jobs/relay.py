"""The relay: hands committed runs to the workers' queue, a little ahead of them and fair between tenants.

The outbox in the database is the real queue. Redis holds only what workers will begin soon, so that a tenant with ten
thousand waiting runs stands in nobody's way, and an emptied Redis loses little. Any number of relays may run.
"""

import itertools
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from uuid import UUID

from flask import Flask
from redis import Redis, RedisError
from sqlalchemy.exc import SQLAlchemyError

from models.base import db
from services import outbox, queue
from services.outbox import Claimed
from services.queue import HandedOver

log = logging.getLogger(__name__)

# Between two looks. What arrives meanwhile goes together: tiny batches cost more than this little waiting.
LOOK_EVERY_S = 0.03
# Where workers have plenty to do: what comes in a crowd is handed over in larger batches.
SELDOM_LOOK_EVERY_S = 0.06
# Where nothing has come for a while: an idle machine is to be left alone.
IDLE_AFTER_S, IDLE_LOOK_EVERY_S = 10.0, 0.2
LONGEST_BACKOFF_S = 5.0
# Runs of one tenant that were handed over and not yet begun.
AHEAD_PER_TENANT = 50
# Where they do not begin, because their scripts run as often as they may, the tenant's other scripts pass them: those with
# fewer ahead than a crowd. Finding those costs more than taking the oldest, so it is done seldom, and not without end.
CROWD = 10
PASS_EVERY_S = 1.0
MOST_AHEAD = 500
# Whatever was handed over so long ago got lost, or the sweep takes care of it: after a lease at the latest.
FORGET_AFTER_S = 60.0


class Relay:
    def __init__(self, app: Flask) -> None:
        self._app = app
        self._redis: Redis = app.extensions["redis"]
        self._batch: int = app.extensions["settings"].queue_batch
        self._forget_after_s = min(FORGET_AFTER_S, app.extensions["settings"].run_lease_s)
        self._ahead: dict[UUID, dict[UUID, tuple[UUID, float]]] = defaultdict(dict)
        """By tenant and run: of which script it is, and when it was handed over."""
        self._passed_at: dict[UUID, float] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._busy_at = time.monotonic()
        self._is_well_ahead = False

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="relay", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join(10)

    def turn(self) -> int:
        """One look: how many runs were handed over."""
        with self._app.app_context():
            tenants = outbox.waiting_tenants()
            rooms = {tenant: self._room(tenant) for tenant in tenants}
            self._is_well_ahead = bool(rooms) and max(rooms.values()) <= AHEAD_PER_TENANT // 2
            passing = [entry for tenant, room in rooms.items() if room <= 0 for entry in self._passing(tenant)]
            rooms = {tenant: room for tenant, room in rooms.items() if room > 0}
            claimed = outbox.claim(rooms, passing) if rooms or passing else []
            return self._hand_over(claimed) if claimed else 0

    def pause(self, took_s: float = 0.0, failures: int = 0) -> float:
        """Until the next look."""
        if failures:
            return min(LONGEST_BACKOFF_S, 0.2 * 2.0 ** min(failures, 10))
        usual = SELDOM_LOOK_EVERY_S if self._is_well_ahead else LOOK_EVERY_S
        if time.monotonic() - self._busy_at > IDLE_AFTER_S:
            usual = IDLE_LOOK_EVERY_S
        return max(usual - took_s, took_s)  # at most half of the time

    def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if self.turn():
                    self._busy_at = time.monotonic()
                failures = 0
            except (RedisError, SQLAlchemyError):
                failures += 1
                log.exception("nothing could be handed over, %d times in a row", failures)
            self._stopping.wait(self.pause(time.monotonic() - began, failures))

    def _room(self, tenant_id: UUID) -> int:
        ahead = self._ahead[tenant_id]
        if len(ahead) >= AHEAD_PER_TENANT // 2:
            queued, now = outbox.still_queued(ahead), time.monotonic()
            for run_id, (_, since) in list(ahead.items()):
                if run_id not in queued or now - since > self._forget_after_s:
                    del ahead[run_id]
        return AHEAD_PER_TENANT - len(ahead)

    def _passing(self, tenant_id: UUID) -> list[UUID]:
        """Entries of a tenant without room that need not wait for the crowds before them."""
        ahead, now = self._ahead[tenant_id], time.monotonic()
        if len(ahead) >= MOST_AHEAD or now < self._passed_at.get(tenant_id, 0.0) + PASS_EVERY_S:
            return []
        self._passed_at[tenant_id] = now
        of_script = Counter(script_id for script_id, _ in ahead.values())
        crowds = [script_id for script_id, count in of_script.items() if count >= CROWD]
        return outbox.behind(tenant_id, crowds, AHEAD_PER_TENANT // 2)

    def _hand_over(self, claimed: list[Claimed]) -> int:
        entries = [entry_id for entry_id, _ in claimed]
        try:
            queue.hand_over(self._redis, list(batches(take_turns(run for _, run in claimed), self._batch)))
        except RedisError:
            outbox.release(entries)
            raise
        now = time.monotonic()
        for _, (tenant_id, script_id, run_id) in claimed:
            self._ahead[tenant_id][run_id] = script_id, now
        outbox.forget(entries)
        db.session.remove()
        return len(claimed)


def take_turns(runs: Iterable[HandedOver]) -> Iterator[HandedOver]:
    """One of each tenant, then the second of each, and so on."""
    by_tenant: dict[UUID, list[HandedOver]] = defaultdict(list)
    for run in runs:
        by_tenant[run[0]].append(run)
    for turn in itertools.zip_longest(*by_tenant.values()):
        yield from (run for run in turn if run is not None)


def batches(runs: Iterable[HandedOver], size: int) -> Iterator[list[HandedOver]]:
    iterator = iter(runs)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
