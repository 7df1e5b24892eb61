"""Turns at a fixed number of places, first come first served within a tenant, tenants in rotation.

Beside them there are a few spare ones, each for a tenant that holds no place at all: whoever fills all others with runs that
take long keeps nobody waiting who has only a little to do.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Literal

Turn = Literal["granted", "timed_out", "cancelled", "closed"]


class Waiter:
    def __init__(self) -> None:
        self._called = threading.Event()
        self.turn: Turn | None = None

    def call(self, turn: Turn) -> None:
        self.turn = self.turn or turn
        self._called.set()

    def wait(self, timeout_s: float) -> None:
        self._called.wait(timeout_s)


class Places:
    def __init__(self, size: int, spare: int = 0) -> None:
        self._free, self._spare, self._lock = size, spare, threading.Lock()
        self._queues: OrderedDict[str | None, deque[Waiter]] = OrderedDict()
        self._held: Counter[str | None] = Counter()
        self._on_spare: set[str | None] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        with self._lock:
            return sum(map(len, self._queues.values()))

    def take(self, tenant: str | None, timeout_s: float, on_wait: Callable[[Callable[[], None]], None]) -> Turn:
        """Wait for a place. `on_wait` is given a function that ends the waiting, for whoever cancels."""
        with self._lock:
            if self._closed:
                return "closed"
            if self._free and not self._queues:
                self._free -= 1
                self._held[tenant] += 1
                return "granted"
            if self._spare and self._may_have_spare(tenant):
                self._spare -= 1
                self._held[tenant] += 1
                self._on_spare.add(tenant)
                return "granted"
            waiter = Waiter()
            self._queues.setdefault(tenant, deque()).append(waiter)
        try:
            on_wait(lambda: self._withdraw(tenant, waiter, "cancelled"))
            waiter.wait(timeout_s)
        except BaseException:  # an interrupt: nobody comes for the place any more
            self._withdraw(tenant, waiter, "cancelled")
            if waiter.turn == "granted":
                self.give(tenant)
            raise
        self._withdraw(tenant, waiter, "timed_out")
        assert waiter.turn is not None
        return waiter.turn

    def give(self, tenant: str | None = None) -> None:
        """Return a place of this tenant's; the next tenant's first waiter has it. A spare one is returned first, to the
        next who may have one."""
        with self._lock:
            self._held[tenant] -= 1
            if not self._held[tenant]:
                del self._held[tenant]
            if tenant in self._on_spare:
                self._on_spare.remove(tenant)
                following = next(filter(self._may_have_spare, self._queues), None)
                if following is None:
                    self._spare += 1
                    return
                self._on_spare.add(following)
            elif self._queues:
                following = next(iter(self._queues))
            else:
                self._free += 1
                return
            self._call_first_of(following)

    def _may_have_spare(self, tenant: str | None) -> bool:
        return tenant is not None and not self._held[tenant]

    def _call_first_of(self, tenant: str | None) -> None:
        queue = self._queues.pop(tenant)
        waiter = queue.popleft()
        if queue:
            self._queues[tenant] = queue  # behind the others
        self._held[tenant] += 1
        waiter.call("granted")

    def close(self) -> None:
        """Nobody gets a place any more; those waiting are told."""
        with self._lock:
            self._closed = True
            for queue in self._queues.values():
                for waiter in queue:
                    waiter.call("closed")
            self._queues.clear()

    def _withdraw(self, tenant: str | None, waiter: Waiter, turn: Turn) -> None:
        with self._lock:
            if waiter.turn is not None:
                return
            queue = self._queues[tenant]
            queue.remove(waiter)
            if not queue:
                del self._queues[tenant]
            waiter.call(turn)
