"""The business database as scripts get it: one per process, and from it one handle per run, bound to the run's tenant."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

from sqlalchemy.engine import make_url

from runtime.errors import HostError
from runtime.host import current_call
from services.granted.business_catalog import Catalog
from services.granted.business_link import Backend, DbLimits, Link, Rows
from services.granted.business_pool import Pool
from services.granted.business_postgres import PostgresBackend
from services.granted.business_sqlite import SqliteBackend
from services.granted.business_transaction import Transaction, in_time
from services.granted.business_values import Parameters, bind, invalid
from services.granted.deadline import Deadline, RunningCall
from services.granted.sql_guard import Guarded, SqlGuard

_CATALOG_SECONDS = 60.0
_CATALOG_REFRESH_SECONDS = 2.0
_SILENCE_SECONDS = 1.0
_STATEMENTS_REMEMBERED = 500


class BusinessDatabase:
    """Connections, and what is known about the tables. Make it after a fork, not before."""

    def __init__(
        self,
        url: str,
        tenant_column: str = "tenant_id",
        *,
        role: str = "",
        schema: str = "public",
        denied_tables: Sequence[str] = (),
        limits: DbLimits | None = None,
        running_call: Callable[[], RunningCall | None] = current_call,
    ) -> None:
        self.limits = limits or DbLimits()
        self.running_call = running_call
        self._backend = _backend(url, self.limits, schema, role)
        self._tenant_column = tenant_column
        self._denied = tuple(denied_tables)
        self._lock = Lock()
        self._prepared: Prepared | None = None
        self._was_silent_at = -math.inf
        self._pool = Pool(self.limits.connections)

    def for_tenant(self, tenant: str | int) -> "BusinessDb":
        """A handle for one run. `tenant` is what the tenant column holds for it. Close it when the run ends."""
        return BusinessDb(self, tenant)

    def catalog(self) -> Catalog:
        return self._current().catalog

    def close(self) -> None:
        self._pool.close()

    def guarded(self, statement: str) -> "tuple[Prepared, Guarded]":
        prepared = self._current()
        try:
            return prepared, prepared.check(statement)
        except HostError as error:
            # Perhaps the table was made a moment ago.
            if "There is no table" not in error.message or prepared.age < _CATALOG_REFRESH_SECONDS:
                raise
        prepared = self._current(fresh=True)
        return prepared, prepared.check(statement)

    @contextmanager
    def link(self, prepared: "Prepared", tenant: Any, read_only: bool, deadline: Deadline) -> Iterator[Link]:
        link = self.take(prepared, tenant, read_only, deadline)
        try:
            yield link
        finally:
            self.give_back(link)

    def take(self, prepared: "Prepared", tenant: Any, read_only: bool, deadline: Deadline) -> Link:
        kind = (prepared.catalog, read_only)
        link = self._pool.take(kind, lambda: self._backend.open(prepared.catalog, read_only), deadline)
        link.lend(tenant, deadline)
        return link

    def give_back(self, link: Link) -> None:
        try:
            link.rollback()
        finally:
            self._pool.give_back(link)

    def prepared(self) -> "Prepared":
        return self._current()

    def _current(self, fresh: bool = False) -> "Prepared":
        with self._lock:
            known = self._prepared
            if known is None or known.age > (_CATALOG_REFRESH_SECONDS if fresh else _CATALOG_SECONDS):
                catalog = self._read_catalog()
                if known is not None and _same(known.catalog, catalog):
                    known.renew()
                else:
                    self._prepared = Prepared(self._backend, catalog)
                    self._pool.forget_idle()
            assert self._prepared is not None
            return self._prepared

    def _read_catalog(self) -> Catalog:
        """Where the database is silent, who waited behind the first is told so as well, and does not wait in turn."""
        began = time.monotonic()
        if began - self._was_silent_at < _SILENCE_SECONDS:
            raise _unreachable()
        try:
            return self._backend.read_catalog(self._tenant_column, self._denied)
        except Exception as error:
            if time.monotonic() - began > _SILENCE_SECONDS:
                self._was_silent_at = time.monotonic()
            raise (error if isinstance(error, HostError) else _unreachable()) from None


def _unreachable() -> HostError:
    return HostError("DB_FAILED", "The business database cannot be reached", retryable=True)


def _same(one: Catalog, other: Catalog) -> bool:
    return (one.tables, one.relatives, one.triggers) == (other.tables, other.relatives, other.triggers)


def _backend(url: str, limits: DbLimits, schema: str, role: str) -> Backend:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteBackend(parsed.database or "", limits)
    if parsed.get_backend_name() == "postgresql":
        return PostgresBackend(
            parsed.set(drivername="postgresql").render_as_string(hide_password=False), limits, schema, role
        )
    raise ValueError("the business database is SQLite or PostgreSQL")


class Prepared:
    """A catalog, and the statements already checked against it."""

    def __init__(self, backend: Backend, catalog: Catalog) -> None:
        self.catalog = catalog
        self._read_at = time.monotonic()
        guard = SqlGuard(backend.language, catalog, *backend.guard_names(catalog))
        self.check = lru_cache(maxsize=_STATEMENTS_REMEMBERED)(guard.check)

    @property
    def age(self) -> float:
        return time.monotonic() - self._read_at

    def renew(self) -> None:
        self._read_at = time.monotonic()


class BusinessDb:
    """What one run may do with the business database. Safe to call from several threads; `close` leaves nothing open."""

    def __init__(self, database: BusinessDatabase, tenant: str | int) -> None:
        self._database = database
        self._tenant = tenant
        self._lock = Lock()
        self._transaction: Transaction | None = None
        self._closed = False

    def query(self, statement: str, params: Parameters = None) -> list[dict[str, Any]]:
        prepared, guarded = self._database.guarded(statement)
        _only_reads(guarded)
        return self._run(prepared, guarded, params).as_objects()

    def execute(self, statement: str, params: Parameters = None) -> dict[str, Any]:
        prepared, guarded = self._database.guarded(statement)
        with self._lock:
            if guarded.is_change and self._transaction is not None:
                raise _refused("A transaction is open in this run: make changes through it (tx.execute)")
        return _outcome(guarded, self._run(prepared, guarded, params))

    def begin(self) -> str:
        deadline = self._deadline()
        with self._lock:
            self._refuse_if_closed()
            if self._transaction is not None:
                raise _refused(
                    "A transaction is already open in this run; transactions cannot be nested or run side by side"
                )
            with in_time(self._database.limits):
                self._transaction = Transaction(self._database, self._tenant, deadline)
            return self._transaction.id

    def tx_query(self, tx_id: str, statement: str, params: Parameters = None) -> list[dict[str, Any]]:
        _, guarded = self._database.guarded(statement)
        _only_reads(guarded)
        return self._in_transaction(tx_id, guarded, params).as_objects()

    def tx_execute(self, tx_id: str, statement: str, params: Parameters = None) -> dict[str, Any]:
        _, guarded = self._database.guarded(statement)
        return _outcome(guarded, self._in_transaction(tx_id, guarded, params))

    def commit(self, tx_id: str) -> None:
        with in_time(self._database.limits):
            self._end(tx_id).commit(self._deadline())

    def rollback(self, tx_id: str) -> None:
        self._end(tx_id).rollback()

    def close(self) -> None:
        """The run is over: whatever is open is rolled back, whatever is running is interrupted."""
        with self._lock:
            self._closed = True
            transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.abandon()

    def _deadline(self) -> Deadline:
        return Deadline.of_call(self._database.limits.seconds, self._database.running_call())

    def _run(self, prepared: Prepared, guarded: Guarded, params: Parameters) -> Rows:
        self._refuse_if_closed()
        values, deadline = bind(guarded, params, self._tenant), self._deadline()
        with in_time(self._database.limits):
            with self._database.link(prepared, self._tenant, not guarded.is_change, deadline) as link:
                link.begin(not guarded.is_change, deadline)
                rows = link.run(guarded, values, deadline)
                link.commit(deadline)
                return rows

    def _in_transaction(self, tx_id: str, guarded: Guarded, params: Parameters) -> Rows:
        values = bind(guarded, params, self._tenant)
        with self._lock:
            transaction = self._known(tx_id)
        with in_time(self._database.limits):
            return transaction.run(guarded, values, self._deadline())

    def _known(self, tx_id: str) -> Transaction:
        if self._transaction is None or self._transaction.id != tx_id:
            raise invalid("This transaction is over")
        return self._transaction

    def _end(self, tx_id: str) -> Transaction:
        with self._lock:
            transaction, self._transaction = self._known(tx_id), None
            return transaction

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise HostError("CANCELLED", "The run is over")


def _refused(message: str) -> HostError:
    return HostError("DB_FORBIDDEN", message, retryable=False)


def _only_reads(guarded: Guarded) -> None:
    if guarded.is_change:
        raise _refused("This call only reads; use sdk.db.execute to change rows")


def _outcome(guarded: Guarded, rows: Rows) -> dict[str, Any]:
    outcome: dict[str, Any] = {"rowsAffected": rows.affected}
    if guarded.returns_rows:
        outcome["rows"] = rows.as_objects()
    return outcome
