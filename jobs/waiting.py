"""Whose turn it is: the runs that a worker holds and has not begun."""

from collections import Counter, OrderedDict, deque
from uuid import UUID

from services.queue import HandedOver

# Somebody in another process may have made room: how soon to look again.
LOOK_AGAIN_S = 0.25
MANY = 1_000
MOST_KNOWN = 10_000


class Waiting:
    """Runs that wait for a thread: tenants take turns, and a script or tenant that is full lets the others pass.

    How many may go on at once is decided elsewhere, for all processes together; what is taken from here beyond that could
    only be given back.
    """

    def __init__(self) -> None:
        self._tenants: OrderedDict[UUID, deque[HandedOver]] = OrderedDict()
        self._held: set[UUID] = set()  # a run that is handed over again while it waits here, waits once
        self._full: dict[UUID, float] = {}  # script or tenant: when to try again
        self._closed: dict[UUID, float] = {}  # tenant: until when none of its runs may begin, whatever else ends
        self._taken: Counter[UUID] = Counter()  # of a script, of a tenant: how many
        self._most: dict[UUID, int] = {}  # likewise, where it is known

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

    def allow(self, run: HandedOver, of_script: int, of_tenant: int) -> None:
        """How many of its script and of its tenant may go on at once."""
        if len(self._most) > MOST_KNOWN:
            self._most.clear()
        self._most[run[1]], self._most[run[0]] = of_script, of_tenant

    def took(self, run: HandedOver) -> None:
        self._taken.update(run[:2])

    def left(self, run: HandedOver) -> None:
        """What was taken is over, or did not begin."""
        for whose in run[:2]:
            self._taken[whose] -= 1
            if self._taken[whose] <= 0:
                del self._taken[whose]

    def is_full(self, whose: UUID, now: float) -> None:
        self._full[whose] = now + LOOK_AGAIN_S

    def is_closed(self, tenant_id: UUID, until: float) -> None:
        self._closed[tenant_id] = until

    def has_room(self, *whose: UUID) -> None:
        for one in whose:
            self._full.pop(one, None)

    def next(self, now: float) -> HandedOver | None:
        self._full, self._closed = (
            {whose: until for whose, until in each.items() if until > now} for each in (self._full, self._closed)
        )
        for tenant_id, runs in list(self._tenants.items()):
            found = self._first(runs) if self._has_place(tenant_id) else None
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
            if self._has_place(run[1]):
                runs.remove(run)
                self._held.discard(run[2])
                self.took(run)
                return run
        return None

    def _has_place(self, whose: UUID) -> bool:
        return (
            whose not in self._full and whose not in self._closed and self._taken[whose] < self._most.get(whose, MANY)
        )
