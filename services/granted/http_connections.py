"""HTTP/1.1 connections and the idle ones kept for the next request.

h11 reads and writes the protocol; this file moves the bytes. A connection goes back to the pool only when both sides
finished cleanly and not one byte is left over, so an answer can never be taken for the answer to a later request.
"""

import os
import time
from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

import h11

from services.granted.deadline import Deadline
from services.granted.http_sockets import Channel

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 200
MAX_INTERIM_ANSWERS = 8


class Broken(Exception):
    """The connection failed, or its peer does not speak HTTP. The text is fit for the script's author."""


class Stale(Broken):
    """A kept connection that turned out closed before the first byte of an answer."""


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def first(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)


class Connection:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
        self._was_used = False
        self._has_answer = False

    def send(self, request: h11.Request, body: bytes, deadline: Deadline) -> None:
        data = (self._protocol.send(request) or b"") + (self._protocol.send(h11.Data(data=body)) or b"")
        data += self._protocol.send(h11.EndOfMessage()) or b""
        with suppress(OSError):  # A server may refuse a request before it has read all of it; its answer says why.
            self._channel.send(data, deadline)

    def read_head(self, deadline: Deadline) -> Head:
        for _ in range(MAX_INTERIM_ANSWERS):
            event = self._next_event(deadline)
            if isinstance(event, h11.Response):
                if len(event.headers) > MAX_HEADERS:
                    raise Broken("The server's answer has too many headers")
                return Head(event.status_code, tuple((_text(name), _text(value)) for name, value in event.headers))
        raise Broken("The server sent too many interim answers")

    def read_body(self, deadline: Deadline) -> Iterator[bytes]:
        while isinstance(event := self._next_event(deadline), h11.Data):
            yield bytes(event.data)

    def start_over(self) -> bool:
        """Make ready for another request; False when this connection must not carry one."""
        if self._protocol.trailing_data[0] or not self._channel.is_silent():
            return False
        try:
            self._protocol.start_next_cycle()
        except h11.LocalProtocolError:
            return False
        self._was_used, self._has_answer = True, False
        return True

    def is_fresh(self) -> bool:
        return self._channel.is_silent()

    def close(self) -> None:
        self._channel.close()

    def _next_event(self, deadline: Deadline) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            deadline.remaining()
            try:
                event = self._protocol.next_event()
            except h11.RemoteProtocolError as error:
                raise Broken(f"The server's answer is not valid HTTP: {error}") from None
            if event is not h11.NEED_DATA:
                return event
            self._protocol.receive_data(self._receive(deadline))

    def _receive(self, deadline: Deadline) -> bytes:
        try:
            data = self._channel.receive(deadline)
        except OSError as error:
            if self._was_used and not self._has_answer:
                raise Stale("The server closed the connection") from error
            raise Broken("The server closed the connection before its answer was complete") from error
        if not data and not self._has_answer:
            raise (Stale if self._was_used else Broken)("The server closed the connection without an answer")
        self._has_answer = True
        return data


@dataclass(frozen=True, slots=True)
class _Idle:
    key: Hashable
    since: float
    connection: Connection


class IdleConnections:
    """Connections between requests: a bounded number, each for seconds, each only for the key it was opened under."""

    def __init__(self, limit: int = 100, keep_seconds: float = 15.0) -> None:
        self._limit = limit
        self._keep_seconds = keep_seconds
        self._idle: list[_Idle] = []
        self._lock = Lock()

    def take(self, key: Hashable) -> Connection | None:
        self._close_expired()
        while (connection := self._pop_newest(_in_this_process(key))) is not None:
            if connection.is_fresh():
                return connection
            connection.close()
        return None

    def keep(self, key: Hashable, connection: Connection) -> None:
        with self._lock:
            self._idle.append(_Idle(_in_this_process(key), time.monotonic(), connection))
            surplus, self._idle = self._idle[: -self._limit], self._idle[-self._limit :]
        _close_all(surplus)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        _close_all(idle)

    def __len__(self) -> int:
        return len(self._idle)

    def _pop_newest(self, key: Hashable) -> Connection | None:
        with self._lock:
            for idle in reversed(self._idle):
                if idle.key == key:
                    self._idle.remove(idle)
                    return idle.connection
        return None

    def _close_expired(self) -> None:
        oldest = time.monotonic() - self._keep_seconds
        with self._lock:
            expired = [idle for idle in self._idle if idle.since < oldest]
            self._idle = [idle for idle in self._idle if idle.since >= oldest]
        _close_all(expired)


def _in_this_process(key: Hashable) -> Hashable:
    """A forked child must not talk on its parent's connections."""
    return (os.getpid(), key)


def _close_all(idle: list[_Idle]) -> None:
    for entry in idle:
        entry.connection.close()


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
