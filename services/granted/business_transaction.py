"""A transaction of a run on the business database: one connection, held until it ends or takes too long."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import RLock, Timer
from typing import Any, Protocol

from runtime.errors import HostError
from services.granted.business_link import DbLimits, Link, Rows, timed_out
from services.granted.deadline import Deadline, TimeUp
from services.granted.sql_guard import Guarded


class Lender(Protocol):
    limits: DbLimits

    def prepared(self) -> Any: ...
    def take(self, prepared: Any, tenant: Any, read_only: bool, deadline: Deadline) -> Link: ...
    def give_back(self, link: Link) -> None: ...


class Transaction:
    """Holds one connection until it ends; ends by itself when it takes too long."""

    def __init__(self, database: Lender, tenant: Any, deadline: Deadline) -> None:
        self.id = secrets.token_hex(8)
        self._database = database
        self._lock = RLock()
        self._link: Link | None = database.take(database.prepared(), tenant, False, deadline)
        try:
            self._link.begin(False, deadline)
        except BaseException:
            self._release()
            raise
        self._alarm = Timer(database.limits.transaction_seconds, self.abandon)
        self._alarm.daemon = True
        self._alarm.start()

    def run(self, guarded: Guarded, values: Sequence[Any], deadline: Deadline) -> Rows:
        with self._lock:
            return self._open_link().run_undoable(guarded, values, deadline)

    def commit(self, deadline: Deadline) -> None:
        with self._lock:
            try:
                self._open_link().commit(deadline)
            finally:
                self._release()

    def rollback(self) -> None:
        with self._lock:
            self._release()

    def abandon(self) -> None:
        link = self._link
        if link is not None:
            with suppress(Exception):
                link.interrupt()
        self.rollback()

    def _open_link(self) -> Link:
        if self._link is None:
            seconds = self._database.limits.transaction_seconds
            raise HostError("DB_TIMEOUT", f"The transaction was rolled back: it may take {seconds:g} s", retryable=True)
        return self._link

    def _release(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._database.give_back(link)
        if alarm := getattr(self, "_alarm", None):
            alarm.cancel()


@contextmanager
def in_time(limits: DbLimits) -> Iterator[None]:
    try:
        yield
    except TimeUp:
        raise timed_out(limits.seconds) from None
