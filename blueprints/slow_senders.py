"""Requests whose body does not come in time lose their connection: the server's threads are few, and it would wait for ever."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOK_EVERY_S = 0.25


class SlowSenders:
    """One thread a process looks after all bodies under way, and ends when there are none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[int, tuple[float, socket.socket]] = {}
        self._is_watching = False
        self._cut: set[int] = set()

    @contextmanager
    def within(self, seconds: float, connection: socket.socket | None) -> Iterator[None]:
        """Raises TimeoutError when the body was still under way by then; reading it failed or ended early meanwhile."""
        if connection is None:
            yield
            return
        token = self._enter(time.monotonic() + seconds, connection)
        try:
            yield
        finally:
            if self._leave(token):
                raise TimeoutError

    def _enter(self, due: float, connection: socket.socket) -> int:
        with self._lock:
            token = id(connection)
            self._due[token] = due, connection
            if not self._is_watching:
                self._is_watching = True
                threading.Thread(target=self._watch, name="slow-senders", daemon=True).start()
        return token

    def _leave(self, token: int) -> bool:
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
