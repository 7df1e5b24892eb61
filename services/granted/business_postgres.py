"""The business database on PostgreSQL, and its second wall.

Each transaction sets, for itself alone, the operator's role (not the owner of the tables, so row-level security binds it), the
tenant for the policies, and the timeouts. `search_path` holds pg_catalog only: a name without a schema can never be a table.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, cast

import psycopg
from psycopg import sql
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus
from psycopg.waiting import READY_NONE

from models.database import is_spoken_to
from runtime.errors import HostError, clipped
from services.granted.business_catalog import Catalog, visible
from services.granted.business_link import Collector, DbLimits, Link, Rows, too_large
from services.granted.business_postgres_values import LOADERS, parameter
from services.granted.business_values import invalid
from services.granted.deadline import Deadline, TimeUp
from services.granted.sql_dialects import POSTGRES
from services.granted.sql_guard import Guarded
from services.granted.sql_tenant import in_the_authors_names

TENANT_SETTING = "dastgoh.tenant"
_CONNECT_SECONDS = 5
_GLANCE_SECONDS = 0.05
# After a cancel was sent, how long the server has to act on it before the connection is given up.
_CANCEL_SECONDS = 2.0
_TOO_WIDE = "dastgoh: a row of"

_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum"""
_LOOSE_KEYS = """
    SELECT t.relname, array_agg(a.attname ORDER BY a.attnum)::text[], i.indisunique, NULL
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
    WHERE t.relnamespace = %(schema)s::regnamespace AND i.indisunique AND NOT i.indisprimary GROUP BY t.relname, i.indexrelid,
    i.indisunique
    UNION ALL
    SELECT t.relname, array_agg(a.attname ORDER BY a.attnum)::text[], false, p.relname
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class t ON t.oid = k.conrelid
    JOIN pg_catalog.pg_class p ON p.oid = k.confrelid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (k.conkey)
    WHERE t.relnamespace = %(schema)s::regnamespace AND k.contype = 'f' GROUP BY t.relname, k.oid, p.relname"""


class PostgresBackend:
    language = POSTGRES

    def __init__(self, conninfo: str, limits: DbLimits, schema: str = "public", role: str = "") -> None:
        self._conninfo = conninfo
        self._limits = limits
        self._schema = schema
        self._role = role

    def guard_names(self, catalog: Catalog) -> tuple[str, str]:
        return self._schema, ""

    def read_catalog(self, tenant_column: str, denied: Sequence[str]) -> Catalog:
        columns: dict[str, dict[str, str]] = {}
        with _safely(), psycopg.connect(self._conninfo, connect_timeout=_CONNECT_SECONDS) as db:
            for table, column, kind in db.execute(_COLUMNS, (f'"{self._schema}"',)):
                columns.setdefault(table, {})[column] = kind
            keys = db.execute(_LOOSE_KEYS, {"schema": f'"{self._schema}"'}).fetchall()
        tables = visible(columns, tenant_column, denied, str)
        return Catalog(
            schema=self._schema,
            tenant_column=tenant_column,
            tables=tables,
            loose_keys=tuple(
                f"{table} ({', '.join(names)}) " + (f"refers to {parent}" if parent else "is unique")
                for table, names, _, parent in keys
                if table in tables and tenant_column not in names and (parent is None or parent in tables)
            ),
        )

    def open(self, catalog: Catalog, read_only: bool) -> Link:
        with _safely():
            db = WatchedConnection.connect(
                self._conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="dastgoh scripts"
            )
        return PostgresLink(db, self._limits, self._role)


class WatchedConnection(psycopg.Connection[Any]):
    """While it waits for the server it looks, again and again, whether the run still wants the answer."""

    deadline: Deadline | None = None

    def wait(self, gen: PQGen[RV], interval: float = _GLANCE_SECONDS, timeout: float | None = None) -> RV:
        return super().wait(self._watched(gen), interval=min(interval, _GLANCE_SECONDS), timeout=timeout)

    def _watched(self, gen: PQGen[RV]) -> PQGen[RV]:
        if self._is_over():
            self._give_up()
        patience = 0.0
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready == READY_NONE and self._is_over():
                    patience += _GLANCE_SECONDS
                    self._cancel_or_give_up(patience)
                state = gen.send(ready)
        except StopIteration as end:
            return cast(RV, end.value)

    def _is_over(self) -> bool:
        try:
            return self.deadline is not None and self.deadline.remaining() <= 0
        except (TimeUp, HostError):
            return True

    def _cancel_or_give_up(self, patience: float) -> None:
        if patience > _CANCEL_SECONDS:
            self._give_up()
        if patience <= _GLANCE_SECONDS:
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=_CANCEL_SECONDS)

    def _give_up(self) -> NoReturn:
        self.pgconn.finish()
        raise psycopg.errors.QueryCanceled("the run is over")


class PostgresLink:
    def __init__(self, db: WatchedConnection, limits: DbLimits, role: str) -> None:
        self._db = db
        self._limits = limits
        self._role = role
        self._tenant: Any = None
        db.prepare_threshold = None
        for loaded, type_names in LOADERS.items():
            for name in type_names:
                db.adapters.register_loader(name, loaded)

    @property
    def usable(self) -> bool:
        is_idle = not self._db.closed and self._db.info.transaction_status == TransactionStatus.IDLE
        return is_idle and not is_spoken_to(self._db)

    def lend(self, tenant: Any, deadline: Deadline) -> None:
        self._tenant = tenant

    def begin(self, read_only: bool, deadline: Deadline) -> None:
        statement_ms = int(self._limits.seconds * 1000)
        settings: dict[str, str] = {
            "search_path": "pg_catalog",
            "statement_timeout": str(statement_ms),
            "lock_timeout": str(statement_ms),
            "idle_in_transaction_session_timeout": str(int(self._limits.transaction_seconds * 1000) + 5000),
            "timezone": "UTC",
            "datestyle": "ISO, YMD",
            "intervalstyle": "iso_8601",
            "standard_conforming_strings": "on",
            "extra_float_digits": "1",
            TENANT_SETTING: str(self._tenant),
        }
        if self._role:
            settings["role"] = self._role
        calls = sql.SQL(", ").join(
            sql.SQL("pg_catalog.set_config({}, {}, true)").format(name, value) for name, value in settings.items()
        )
        mode = sql.SQL("READ ONLY" if read_only else "READ WRITE")
        self._ours(sql.SQL("BEGIN {}; SELECT {}").format(mode, calls), deadline)

    def commit(self, deadline: Deadline) -> None:
        self._ours(sql.SQL("COMMIT"), deadline)

    def rollback(self) -> None:
        self._db.deadline = Deadline(_CANCEL_SECONDS)
        if not self._db.closed and self._db.info.transaction_status != TransactionStatus.IDLE:
            try:
                self._db.execute("ROLLBACK")
            except psycopg.Error:
                self._db.close()

    def run(self, statement: Guarded, values: Sequence[Any], deadline: Deadline) -> Rows:
        bound = [parameter(value) for value in values]
        self._db.deadline = deadline
        with _safely(self._limits), psycopg.RawCursor(self._db) as cursor:
            if not statement.returns_rows:
                cursor.execute(statement.sql, bound)
                return Rows(max(cursor.rowcount, 0))
            return self._rows(cursor, statement, bound)

    def run_undoable(self, statement: Guarded, values: Sequence[Any], deadline: Deadline) -> Rows:
        self._ours(sql.SQL("SAVEPOINT statement"), deadline)
        try:
            rows = self.run(statement, values, deadline)
        except BaseException:
            self._db.deadline = Deadline(_CANCEL_SECONDS)
            if not self._db.closed:
                with suppress(psycopg.Error):
                    self._db.execute("ROLLBACK TO SAVEPOINT statement")
            raise
        self._ours(sql.SQL("RELEASE SAVEPOINT statement"), deadline)
        return rows

    def interrupt(self) -> None:
        with suppress(psycopg.Error):
            self._db.cancel_safe(timeout=_CANCEL_SECONDS)

    def close(self) -> None:
        self._db.close()

    def _rows(self, cursor: psycopg.RawCursor[Any], statement: Guarded, bound: list[Any]) -> Rows:
        """Row by row, and no row wider than a whole result may be: neither the server's answer nor ours grows without end."""
        result: Collector | None = None
        stream = cursor.stream(_narrow(statement, self._limits), bound)
        try:
            for row in stream:
                result = result or Collector(_names(cursor), self._limits)
                result.add(list(row))
        finally:
            cast(Any, stream).close()
        if result is None:
            return Rows(0, ())
        return Rows(len(result.values) if statement.is_change else 0, result.columns, result.values)

    def _ours(self, statement: sql.SQL | sql.Composed, deadline: Deadline) -> None:
        deadline.remaining()
        self._db.deadline = deadline
        with _safely(self._limits):
            self._db.execute(statement)


def _names(cursor: psycopg.RawCursor[Any]) -> list[str]:
    for column in cursor.description or ():
        if column.type_code in (_RECORD, _RECORD_ARRAY):
            raise invalid(f"The column {column.name} is a whole row: name its columns, or use row_to_json()")
    return [column.name for column in cursor.description or ()]


_RECORD, _RECORD_ARRAY = 2249, 2287


def _narrow(statement: Guarded, limits: DbLimits) -> str:
    size = 'octet_length(CAST("dastgoh result".* AS text))'
    wide = f"CAST('{_TOO_WIDE} ' || {size} AS boolean)"  # fails with these words when it is worked out
    condition = f"CASE WHEN {size} <= {limits.result_bytes} THEN true ELSE {wide} END"
    if statement.is_change:
        return f'WITH "dastgoh result" AS ({statement.sql}) SELECT "dastgoh result".* FROM "dastgoh result" WHERE {condition}'
    source = f'FROM ({statement.sql}) AS "dastgoh result"'
    return f'SELECT "dastgoh result".* {source} WHERE {condition} LIMIT {limits.rows + 1}'


@contextmanager
def _safely(limits: DbLimits | None = None) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise _explained(error, limits) from None


def _explained(error: psycopg.Error, limits: DbLimits | None) -> Exception:
    """PostgreSQL's first line names columns and constraints and, for bad data, the author's own value. Its DETAIL may quote a
    stranger's row, its HINT and CONTEXT the server: they stay here."""
    state, words = error.sqlstate or "", error.diag.message_primary or ""
    if state == "22P02" and _TOO_WIDE in words and limits:
        return too_large(limits)
    if isinstance(error, psycopg.errors.QueryCanceled) or state == "55P03":
        return TimeUp()
    if state == "42501":
        return HostError("DB_FORBIDDEN", "The database does not let scripts do this", retryable=False)
    if state == "25006":
        return HostError("DB_FORBIDDEN", "This call only reads; use sdk.db.execute to change rows", retryable=False)
    if state[:2] in ("22", "23", "42", "21", "0A"):
        return HostError("DB_FAILED", in_the_authors_names(clipped(words, 500)), retryable=False)
    if state[:2] in ("40", "53", "57", "08") or not state:
        return HostError("DB_FAILED", "The database could not run the statement now", retryable=True)
    return HostError("DB_FAILED", f"The database refused the statement ({state})", retryable=False)
