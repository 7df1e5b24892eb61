"""Threads for host calls: made when needed, kept for a while, never in the way of leaving the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

IDLE_S = 10.0
Task = Callable[[], object]


class Workers:
    """A task never waits for another: a hung host call costs a thread, not somebody else's time."""

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Task | None]] = []
        self._threads: set[threading.Thread] = set()
        self._closed = False

    def submit(self, task: Task) -> None:
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = self._grow()
        inbox.put(task)

    def _grow(self) -> SimpleQueue[Task | None]:
        inbox: SimpleQueue[Task | None] = SimpleQueue()
        thread = threading.Thread(target=self._work, args=(inbox,), name="host-call", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
        return inbox

    def _work(self, inbox: SimpleQueue[Task | None]) -> None:
        while (task := self._next(inbox)) is not None:
            task()
            with self._lock:
                if self._closed:
                    break
                self._idle.append(inbox)
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _next(self, inbox: SimpleQueue[Task | None]) -> Task | None:
        try:
            return inbox.get(timeout=self._idle_s)
        except Empty:
            with self._lock:
                if inbox in self._idle:
                    self._idle.remove(inbox)
                    return None
            return inbox.get()  # handed a task in this very moment

    def close(self, wait_s: float = 1.0) -> None:
        """Let idle threads go. One hung in a host call is left to end by itself; it is a daemon."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            threads = list(self._threads)
        for inbox in idle:
            inbox.put(None)
        until = time.monotonic() + wait_s
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
