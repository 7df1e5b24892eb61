"""The business database on SQLite, and its second wall.

Every connection has, in its own temporary schema, one view per table that shows the tenant's rows and triggers that stop a write
to another's. The authorizer lets base tables be read through those views only. So even a statement the guard misjudged cannot
reach a stranger's row; the names of the views are random and never leave this process.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from runtime.errors import HostError
from services.granted.business_catalog import Catalog
from services.granted.business_link import Collector, DbLimits, Link, Rows
from services.granted.business_sqlite_catalog import read_catalog
from services.granted.business_values import as_bytes, float_number, invalid, whole_number
from services.granted.deadline import Deadline, TimeUp
from services.granted.sql_dialects import SQLITE
from services.granted.sql_guard import Guarded
from services.granted.sql_tenant import in_the_authors_names, needle_name

_STEPS_BETWEEN_GLANCES = 2_000
_LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 200_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_OPERATORS = frozenset({"->", "->>", "like", "glob"})
_WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class SqliteBackend:
    language = SQLITE

    def __init__(self, path: str, limits: DbLimits) -> None:
        if not path or path == ":memory:":
            raise ValueError("the business database needs a file: every connection to memory is another database")
        self._path = Path(path)
        self._limits = limits
        self._secret = f"w{secrets.token_hex(8)}"

    def guard_names(self, catalog: Catalog) -> tuple[str, str]:
        return "temp", f"{self._secret}_"

    def read_catalog(self, tenant_column: str, denied: Sequence[str]) -> Catalog:
        with closing(self._connect(read_only=True)) as db:
            return read_catalog(db, tenant_column, denied)

    def open(self, catalog: Catalog, read_only: bool) -> Link:
        db = self._connect(read_only)
        return SqliteLink(db, catalog, self._secret, self._limits, read_only)

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        mode = "ro" if read_only else "rw"
        return sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            cached_statements=0,  # every statement is authorized anew
            check_same_thread=False,
            timeout=0,
        )


class SqliteLink:
    def __init__(
        self, db: sqlite3.Connection, catalog: Catalog, secret: str, limits: DbLimits, read_only: bool
    ) -> None:
        self._db = db
        self._catalog = catalog
        self._secret = secret
        self._limits = limits
        self._tenant: Any = None
        self._deadline: Deadline | None = None
        self._stopped_by: BaseException | None = None
        self._statement: Guarded | None = None
        self._readable: frozenset[str] = frozenset()
        self._functions = SQLITE.functions | _OPERATORS | {needle_name(f"{secret}_")}
        self.usable = True
        self._build_walls(read_only)

    def _build_walls(self, read_only: bool) -> None:
        db = self._db
        db.text_factory = _text
        db.create_function(f"{self._secret}_tenant", 0, lambda: self._tenant, deterministic=True)
        db.create_function(needle_name(f"{self._secret}_"), 2, _needle, deterministic=True)
        for pragma in ("trusted_schema = OFF", "foreign_keys = ON", "recursive_triggers = ON", "temp_store = FILE"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()  # creating them is not for scripts
        for table in self._catalog.tables.values():
            for statement in _walls_around(table.name, self._catalog.tenant_column, self._secret):
                db.execute(statement)
        if read_only:
            db.execute("PRAGMA query_only = ON")
        for limit, value in _LIMITS.items():
            db.setlimit(limit, value)
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._limits.result_bytes)
        db.set_authorizer(self._authorize)
        db.set_progress_handler(self._must_stop, _STEPS_BETWEEN_GLANCES)

    def lend(self, tenant: Any, deadline: Deadline) -> None:
        self._tenant = tenant

    def begin(self, read_only: bool, deadline: Deadline) -> None:
        self._ours("BEGIN" if read_only else "BEGIN IMMEDIATE", deadline)

    def commit(self, deadline: Deadline) -> None:
        self._ours("COMMIT", deadline)

    def rollback(self) -> None:
        self._deadline = None
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def run(self, statement: Guarded, values: Sequence[Any], deadline: Deadline) -> Rows:
        bound = {f"p{number}": _parameter(value) for number, value in enumerate(values, start=1)}
        target = statement.target or ""
        self._readable = self._catalog.relatives.get(target, frozenset()) | {target}
        self._statement = statement
        try:
            return self._patiently(lambda: self._rows(statement, bound), deadline)
        finally:
            self._statement = None

    def run_undoable(self, statement: Guarded, values: Sequence[Any], deadline: Deadline) -> Rows:
        self._ours("SAVEPOINT statement", deadline)
        try:
            rows = self.run(statement, values, deadline)
        except BaseException:
            self._deadline = None
            if self._db.in_transaction:
                self._db.execute("ROLLBACK TO statement")
            raise
        self._ours("RELEASE statement", deadline)
        return rows

    def interrupt(self) -> None:
        self._db.interrupt()

    def close(self) -> None:
        self.usable = False
        self._db.close()

    def _rows(self, statement: Guarded, bound: dict[str, Any]) -> Rows:
        cursor = self._db.execute(statement.sql, bound)
        if not statement.returns_rows:
            return Rows(max(cursor.rowcount, 0))
        result = Collector([column[0] for column in cursor.description], self._limits)
        for row in cursor:
            result.add([_value(value) for value in row])
        affected = len(result.values) if statement.is_change else 0
        return Rows(affected, result.columns, result.values)

    def _ours(self, sql: str, deadline: Deadline) -> None:
        self._patiently(lambda: self._db.execute(sql), deadline)

    def _patiently(self, work: Any, deadline: Deadline) -> Any:
        """Waits for another connection's lock in small steps, so that a cancelled run does not hold a thread."""
        self._deadline = deadline
        while True:
            self._stopped_by = None
            try:
                deadline.remaining()
                return work()
            except sqlite3.Error as error:
                if self._stopped_by is not None:
                    raise self._stopped_by from None
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    raise _explained(error, f"{self._secret}_") from None
                deadline.sleep(0.01)

    def _must_stop(self) -> bool:
        if self._deadline is None:
            return False
        try:
            self._deadline.remaining()
        except (TimeUp, HostError) as reason:
            self._stopped_by = reason
            return True
        return False

    def _authorize(self, action: int, first: str | None, second: str | None, db: str | None, source: str | None) -> int:
        if self._statement is None:  # BEGIN, COMMIT, SAVEPOINT: ours
            return sqlite3.SQLITE_OK
        return (
            sqlite3.SQLITE_OK if self._permits(action, first or "", second or "", db, source) else sqlite3.SQLITE_DENY
        )

    def _permits(self, action: int, first: str, second: str, db: str | None, source: str | None) -> bool:
        from_wall = bool(source) and (str(source).startswith(self._secret) or source in self._catalog.triggers)
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return True
        if action == sqlite3.SQLITE_FUNCTION:
            return from_wall or second in self._functions
        if action == sqlite3.SQLITE_READ:
            return self._may_read(first, db, from_wall)
        if action in _WRITES and self._statement is not None and self._statement.is_change:
            return from_wall or (db == "main" and first.lower() in self._catalog.tables)
        return False

    def _may_read(self, table: str, db: str | None, from_wall: bool) -> bool:
        if from_wall or db is None or table in ("json_each", "json_tree"):  # no database: a CTE or a subquery
            return True
        if db == "temp":
            return table.startswith(self._secret)
        # A change reads the table it goes to, and those its foreign keys lead to.
        return db == "main" and table in self._readable


def _walls_around(table: str, tenant_column: str, secret: str) -> Iterator[str]:
    name, column, tenant = _quoted(table), _quoted(tenant_column), f"{secret}_tenant()"
    yield f"CREATE TEMP VIEW {_quoted(f'{secret}_{table}')} AS SELECT * FROM main.{name} WHERE {column} = {tenant}"
    for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        trigger = _quoted(f"{secret}_{table}_{event}_{row}")
        # AFTER: a BEFORE trigger would not see what the database's own triggers change.
        yield (
            f"CREATE TEMP TRIGGER {trigger} AFTER {event} ON main.{name} WHEN {row}.{column} IS NOT {tenant} "
            f"BEGIN SELECT RAISE(ABORT, 'another tenant'); END"
        )


def _text(raw: bytes) -> str | bytes:
    """SQLite does not check that text is UTF-8; what is not comes through as bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _value(value: Any) -> Any:
    if isinstance(value, int):
        return whole_number(value)
    if isinstance(value, float):
        return float_number(value)
    return as_bytes(value) if isinstance(value, bytes) else value


def _parameter(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        raise invalid("SQLite takes no arrays or objects: pass JSON.stringify(value), and read it with json_each()")
    return value


def _needle(value: Any, longest: int) -> Any:
    if isinstance(value, (str, bytes)) and len(value) > longest:
        raise ValueError
    return value


def _explained(error: sqlite3.Error, prefix: str) -> HostError:
    """SQLite names tables and columns in its messages, never values; its own words are kept for the common cases."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    text = str(error)
    if code & 0xFF == sqlite3.SQLITE_AUTH or "prohibited" in text or "not authorized" in text:
        return HostError("DB_FORBIDDEN", "The database does not let scripts do this", retryable=False)
    if text == "user-defined function raised exception":
        return HostError("DB_ROW_LIMIT", "What a function looks for in a text is too long", retryable=False)
    if text == "another tenant":
        return HostError("DB_FORBIDDEN", "The statement would change another tenant's row", retryable=False)
    if code & 0xFF in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE):
        return HostError("DB_FAILED", in_the_authors_names(text, prefix), retryable=False)
    if code & 0xFF in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM):
        return HostError("DB_ROW_LIMIT", "A value of the statement grew too large", retryable=False)
    if code & 0xFF == sqlite3.SQLITE_READONLY:
        return HostError("DB_FORBIDDEN", "This call only reads; use sdk.db.execute to change rows", retryable=False)
    return HostError("DB_FAILED", "The database could not run the statement", retryable=True)
