"""Whose turn it is: the runs that a worker holds and has not begun."""

from collections import OrderedDict, deque
from uuid import UUID

from services.queue import HandedOver

# Somebody in another process may have made room: how soon to look again.
LOOK_AGAIN_S = 0.25


class Waiting:
    """Runs that wait for a thread: tenants take turns, and a script or tenant that is full lets the others pass."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[UUID, deque[HandedOver]] = OrderedDict()
        self._held: set[UUID] = set()  # a run that is handed over again while it waits here, waits once
        self._full: dict[UUID, float] = {}  # script or tenant: when to try again

    def __len__(self) -> int:
        return sum(map(len, self._tenants.values()))

    def add(self, run: HandedOver) -> None:
        if run[2] not in self._held:
            self._held.add(run[2])
            self._tenants.setdefault(run[0], deque()).append(run)

    def add_first(self, run: HandedOver) -> None:
        if run[2] not in self._held:
            self._held.add(run[2])
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
        self._held.clear()
        return runs

    def _first(self, runs: deque[HandedOver]) -> HandedOver | None:
        for run in runs:
            if run[1] not in self._full:
                runs.remove(run)
                self._held.discard(run[2])
                return run
        return None
