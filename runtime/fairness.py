"""Turns at a fixed number of places, first come first served within a tenant, tenants in rotation."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
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
    def __init__(self, size: int) -> None:
        self._free, self._lock = size, threading.Lock()
        self._queues: OrderedDict[str | None, deque[Waiter]] = OrderedDict()
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
                return "granted"
            waiter = Waiter()
            self._queues.setdefault(tenant, deque()).append(waiter)
        try:
            on_wait(lambda: self._withdraw(tenant, waiter, "cancelled"))
            waiter.wait(timeout_s)
        except BaseException:  # an interrupt: nobody comes for the place any more
            self._withdraw(tenant, waiter, "cancelled")
            if waiter.turn == "granted":
                self.give()
            raise
        self._withdraw(tenant, waiter, "timed_out")
        assert waiter.turn is not None
        return waiter.turn

    def give(self) -> None:
        """Return a place; the next tenant's first waiter has it."""
        with self._lock:
            if not self._queues:
                self._free += 1
                return
            tenant, queue = self._queues.popitem(last=False)
            waiter = queue.popleft()
            if queue:
                self._queues[tenant] = queue
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
