"""Requests that do not arrive in time lose their connection: the server's threads are few, and one would wait for ever."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOK_EVERY_S = 0.25


class SlowSenders:
    """One thread a process looks after all that is under way, and ends when there is nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[int, tuple[float, socket.socket]] = {}
        self._is_watching = False
        self._cut: set[int] = set()

    @contextmanager
    def within(self, seconds: float, connection: socket.socket | None) -> Iterator[None]:
        """Raises TimeoutError when what is read inside was still under way by then; reading it failed or ended early meanwhile."""
        if connection is None:
            yield
            return
        self.watch(connection, seconds)
        try:
            yield
        finally:
            if self.unwatch(connection):
                raise TimeoutError

    def watch(self, connection: socket.socket, seconds: float) -> None:
        with self._lock:
            self._due[id(connection)] = time.monotonic() + seconds, connection
            if not self._is_watching:
                self._is_watching = True
                threading.Thread(target=self._watch, name="slow-senders", daemon=True).start()

    def unwatch(self, connection: socket.socket) -> bool:
        """Whether it was too late."""
        token = id(connection)
        with self._lock:
            self._due.pop(token, None)
            was_cut = token in self._cut
            self._cut.discard(token)
        return was_cut

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_S)
            with self._lock:
                if not self._due:
                    self._is_watching = False
                    return
                now = time.monotonic()
                late = {token: connection for token, (due, connection) in self._due.items() if due < now}
                for token, connection in late.items():
                    del self._due[token]
                    self._cut.add(token)
                    with suppress(OSError):  # gone by itself
                        connection.shutdown(socket.SHUT_RD)


slow_senders = SlowSenders()
"""This process's own."""
