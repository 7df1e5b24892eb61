"""Looks after the runs this process performs: renews their leases, sends on what they say, hears that one should stop.

One thread a process, asleep while nothing runs.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from flask import Flask
from redis import Redis, RedisError
from redis.client import PubSub
from sqlalchemy.exc import SQLAlchemyError

from services import claims
from services.live import Feed

log = logging.getLogger(__name__)

TICK_S = 0.05
RENEWALS_PER_LEASE = 4
_CHANNEL = "dastgoh:stop"


def ask_to_stop(redis: "Redis", execution_id: UUID) -> None:
    """Heard by whichever process performs it. When Redis is away, the row's own flag is seen at the next renewal."""
    try:
        redis.publish(_CHANNEL, str(execution_id))
    except RedisError:
        log.warning("a stop is heard late: Redis does not answer")


class Steward:
    def __init__(self, app: Flask, stop_run: Callable[[str], object], tick: Callable[[], None]) -> None:
        self._app, self._stop_run, self._tick = app, stop_run, tick
        self._redis: Redis = app.extensions["redis"]
        self._lease_s: int = app.extensions["settings"].run_lease_s
        self.feed = Feed(self._redis)
        self._lock, self._wake, self._closed = threading.Lock(), threading.Event(), False
        self._running: set[UUID] = set()
        self._unheard: set[UUID] = set()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, execution_id: UUID) -> Iterator[None]:
        with self._lock:
            self._running.add(execution_id)
        self.wake()
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(execution_id)
            self.feed.end(execution_id)

    def wake(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="steward", daemon=True)
                self._thread.start()
        self._wake.set()

    def busy(self) -> bool:
        with self._lock:
            return bool(self._running)

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        if self._thread:
            self._thread.join(5)

    def _work(self) -> None:
        channel, due = None, time.monotonic() + self._lease_s / RENEWALS_PER_LEASE
        while not self._closed:
            if not self.busy():
                if self._wake.wait(1.0) and not self._closed:
                    time.sleep(TICK_S)  # most runs are over by then, and have cost this thread nothing
                self._wake.clear()
                due = time.monotonic() + self._lease_s / RENEWALS_PER_LEASE
            channel = self._listen(channel)
            self.feed.flush()
            self._tick()
            self._stop(set())
            if time.monotonic() >= due and self.busy():
                self._renew()
                due = time.monotonic() + self._lease_s / RENEWALS_PER_LEASE
        if channel:
            channel.close()

    def _listen(self, channel: PubSub | None) -> PubSub | None:
        """Whatever has been said since the last look; a new subscription where there was none."""
        try:
            if channel is None:
                channel = self._redis.pubsub(ignore_subscribe_messages=True)
                channel.subscribe(_CHANNEL)
                self._stop(self._unwanted())
            message = channel.get_message(timeout=TICK_S if self.busy() else 0)
            if message:
                self._stop({UUID(message["data"].decode())})
            return channel
        except RedisError:
            time.sleep(TICK_S)
            return None

    def _renew(self) -> None:
        with self._lock:
            running = list(self._running)
        try:
            with self._app.app_context():
                self._stop(claims.renew(running, self._lease_s))
        except SQLAlchemyError:
            log.exception("leases were not renewed; the next attempt is soon")

    def _unwanted(self) -> set[UUID]:
        with self._lock:
            running = list(self._running)
        try:
            with self._app.app_context():
                return claims.unwanted(running)
        except SQLAlchemyError:
            log.warning("who should stop is heard at the next renewal: the database does not answer")
            return set()

    def _stop(self, unwanted: set[UUID]) -> None:
        """Asked again until it is over: a run just claimed is not yet in its engine, and would not hear."""
        with self._lock:
            self._unheard = (self._unheard | unwanted) & self._running
            unheard = set(self._unheard)
        for execution_id in unheard:
            self._stop_run(str(execution_id))
