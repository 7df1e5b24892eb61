"""Tenancy that cannot be forgotten.

A session is bound to one tenant, or openly to none (`as_system`). Every ORM statement on tenant-owned rows gets the
tenant's condition; with nothing bound it raises. What the ORM cannot narrow (text, bare tables) is refused outright.
PostgreSQL says the same again by row-level security: the binding travels to it as the setting `dastgoh.tenant`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Literal
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, SessionTransaction, mapped_column, with_loader_criteria
from sqlalchemy.orm import scoped_session as ScopedSession
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import ColumnClause, FromClause, Select, TableClause
from sqlalchemy.sql.selectable import AliasedReturnsRows

from models.database import ENGINE_OPTIONS, mind_idle_connections, read_alone

AnySession = Session | ScopedSession[Any]
SYSTEM: Literal["*"] = "*"
APP_ROLE = "dastgoh_app"


class TenancyError(RuntimeError):
    """A program error, never a user's: data of a tenant was touched without saying which tenant."""


class TenantOwned:
    """Mixin for rows that belong to a tenant. `tenant_id` comes first in every composite index."""

    tenant_id: Mapped[UUID] = mapped_column(sort_order=-9)


def bound_to(session: AnySession) -> UUID | Literal["*"] | None:
    bound: UUID | Literal["*"] | None = session.info.get("tenant")
    return bound


def bind(session: AnySession, tenant: UUID | Literal["*"] | None) -> None:
    """Bind the session. Objects of another binding leave it, so that its identity map cannot smuggle them over."""
    session = session() if isinstance(session, ScopedSession) else session
    if bound_to(session) == tenant:
        return
    if session.new or session.deleted or any(map(session.is_modified, session.dirty)):
        raise TenancyError("unsaved changes belong to the tenant they were made for; flush them before rebinding")
    session.expunge_all()
    session.info["tenant"] = tenant
    if session.in_transaction():
        _tell_database(session.connection(), tenant)


@contextmanager
def as_tenant(session: AnySession, tenant_id: UUID) -> Iterator[None]:
    with _bound(session, tenant_id):
        yield


@contextmanager
def as_system(session: AnySession) -> Iterator[None]:
    """All tenants at once: sign-in, schedulers, relays, operators. Never for what a tenant's user asked for."""
    with _bound(session, SYSTEM):
        yield


@contextmanager
def system_transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction of its own for all tenants at once, in Core, whatever the session is bound to. It commits at its end."""
    with _system_engine(engine).begin() as connection:
        yield connection


@contextmanager
def system_reading(engine: Engine) -> Iterator[Connection]:
    """The same for one statement that only reads: it needs neither a beginning nor an end."""
    with _system_engine(engine).connect() as connection:
        yield connection.execution_options(**read_alone(engine))


_making = Lock()
_system_engines: WeakKeyDictionary[Engine, Engine] = WeakKeyDictionary()


def _system_engine(engine: Engine) -> Engine:
    """On PostgreSQL connections that are told once, not in every transaction, that they see all tenants."""
    if engine.dialect.name != "postgresql":
        return engine
    with _making:
        if engine not in _system_engines:
            made = create_engine(engine.url, pool_size=5, max_overflow=10, **ENGINE_OPTIONS)
            event.listen(made, "connect", _see_all_tenants)
            mind_idle_connections(made)
            _system_engines[engine] = made
        return _system_engines[engine]


def _see_all_tenants(connection: Any, _record: Any) -> None:
    connection.autocommit = True  # outside any transaction, whose end would undo it
    connection.execute("SELECT set_config('dastgoh.tenant', %s, false)", (SYSTEM,))
    connection.autocommit = False


@contextmanager
def _bound(session: AnySession, tenant: UUID | Literal["*"]) -> Iterator[None]:
    before = bound_to(session)
    bind(session, tenant)
    try:
        yield
    except BaseException:
        session.rollback()  # what was half done under this binding must not be flushed under the next
        raise
    finally:
        bind(session, before)


@event.listens_for(Session, "do_orm_execute")
def _narrow_to_tenant(state: ORMExecuteState) -> None:
    tenant = bound_to(state.session)
    if tenant == SYSTEM:
        return
    if not (state.is_column_load or state.is_relationship_load):
        _refuse_what_cannot_be_narrowed(state.statement)
    if tenant is None:
        if any(issubclass(mapper.class_, TenantOwned) for mapper in state.all_mappers) or _owned(
            visitors.iterate(state.statement)
        ):
            raise TenancyError("no tenant is bound to this session; use bind(), as_tenant() or as_system()")
    elif state.is_insert:
        state.statement = _insert_for(tenant, state)
    else:
        if state.is_update and isinstance(state.parameters, list):
            raise TenancyError("an update by a list of primary keys cannot be narrowed; use where()")
        if state.is_update and any(_is_tenant_column(column) for column in _assigned(state)):
            raise TenancyError("a row never changes its tenant")
        state.statement = state.statement.options(
            with_loader_criteria(TenantOwned, lambda cls: cls.tenant_id == tenant, include_aliases=True)
        )


def _refuse_what_cannot_be_narrowed(statement: Any) -> None:
    elements = list(visitors.iterate(statement))
    if any(isinstance(element, TextClause) for element in elements):
        raise TenancyError("raw SQL through a session would cross tenants; say it with the ORM, or as_system()")
    # The ORM marks what stands for a mapped class with annotations. Something bare is only right where SQLAlchemy itself
    # derived it from something marked: the table of a marked column, the key of a marked table in Session.get().
    marked = {element.name for element in elements if isinstance(element, FromClause) and element._annotations}
    marked |= {e.table.name for e in elements if isinstance(e, ColumnClause) and e._annotations and e.table is not None}
    for element in elements:
        name = (
            element.name
            if isinstance(element, AliasedReturnsRows) and _owned([element.element])
            else _table_name(element)
        )
        if (
            name
            and not element._annotations
            and _owned([element, getattr(element, "element", None)])
            and name not in marked
        ):
            raise TenancyError(f"{name} was named without its model, so it cannot be narrowed; use the mapped class")
    for nested in elements:
        if isinstance(nested, Select) and nested is not statement:
            _refuse_bare_columns(nested)


def _refuse_bare_columns(nested: Any) -> None:
    """Within a subquery a bare column would bring its table along unmarked, whatever is marked around it."""
    for element in _owned(visitors.iterate(nested)):
        if isinstance(element, ColumnClause) and not element._annotations:
            raise TenancyError(f"{element} was named without its model, so it cannot be narrowed; use the mapped class")


def _owned(elements: Iterable[Any]) -> list[Any]:
    """Tables of tenants, and columns of such tables, among the elements."""
    return [element for element in elements if _table_name(element) in _owned_table_names()]


def _table_name(element: Any) -> str | None:
    table = element.table if isinstance(element, ColumnClause) else element
    return table.name if isinstance(table, TableClause) else None


@cache
def _owned_table_names() -> frozenset[str]:
    return frozenset(cls.__tablename__ for cls in TenantOwned.__subclasses__())


def _insert_for(tenant: UUID, state: ORMExecuteState) -> Any:
    mapper = state.bind_mapper
    if mapper is None or not issubclass(mapper.class_, TenantOwned):
        return state.statement
    rows = state.parameters if isinstance(state.parameters, list) else [state.parameters or {}]
    assigned = [value for row in rows for column, value in row.items() if _is_tenant_column(column)]
    assigned += [getattr(value, "value", value) for column, value in _values(state) if _is_tenant_column(column)]
    if any(value != tenant for value in assigned):
        raise TenancyError("an insert names another tenant than the bound one")
    if getattr(state.statement, "_multi_values", ()) or getattr(state.statement, "select", None) is not None:
        raise TenancyError("give the rows of a bulk insert as parameters, so that each gets the bound tenant")
    return state.statement if assigned else state.statement.values(tenant_id=tenant)


def _assigned(state: ORMExecuteState) -> list[Any]:
    rows = state.parameters if isinstance(state.parameters, list) else [state.parameters or {}]
    return [column for column, _ in _values(state)] + [column for row in rows for column in row]


def _values(state: ORMExecuteState) -> list[tuple[Any, Any]]:
    return list(dict(getattr(state.statement, "_values", None) or {}).items()) + list(
        getattr(state.statement, "_ordered_values", None) or []
    )


def _is_tenant_column(column: Any) -> bool:
    return getattr(column, "key", column) == "tenant_id"


@event.listens_for(Session, "before_flush")
def _own_new_rows(session: Session, _context: Any, _instances: Any) -> None:
    tenant = bound_to(session)
    if tenant == SYSTEM:
        return
    for row in [*session.new, *session.dirty, *session.deleted]:
        if not isinstance(row, TenantOwned):
            continue
        if tenant is None:
            raise TenancyError("no tenant is bound to this session")
        if row.tenant_id is None and row in session.new:
            row.tenant_id = tenant
        if row.tenant_id != tenant:
            raise TenancyError(f"{type(row).__name__} belongs to another tenant than the bound one")


@event.listens_for(Session, "after_begin")
def _bind_transaction(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    _tell_database(connection, bound_to(session))


def _tell_database(connection: Connection, tenant: UUID | Literal["*"] | None) -> None:
    if connection.dialect.name != "postgresql":
        return
    role = APP_ROLE if _may_become_app_role(connection) else "none"
    connection.exec_driver_sql(_TELL, (str(tenant or ""), role))


# In the driver's own words: every transaction begins with it, and compiling it would cost more than running it.
_TELL = "SELECT set_config('dastgoh.tenant', %s, true), set_config('role', %s, true)"
_role_known: WeakKeyDictionary[Engine, bool] = WeakKeyDictionary()


def _may_become_app_role(connection: Connection) -> bool:
    """Row-level security binds a role that is neither owner nor superuser; the migration made one where it was allowed."""
    engine = connection.engine
    if engine not in _role_known:
        sql = "SELECT count(*) FROM pg_roles WHERE rolname = :role AND pg_has_role(current_user, oid, 'member')"
        _role_known[engine] = bool(connection.scalar(text(sql), {"role": APP_ROLE}))
    return _role_known[engine]
