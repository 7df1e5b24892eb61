"""Many runs in one transaction: what a worker does with the database, a few dozen times a second.

Run by run it would cost a dozen statements each; together they share them. Only what is usual goes this way: runs that end
well and that nobody else is told of. Everything else is `performing.conclude`, one by one. Statements are Core's, for all
tenants at once (`as_system`): ids come from the queue, and each row brings its own tenant.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from models.base import UtcDateTime, db, utcnow
from models.database import reading
from models.event import Event
from models.execution import Execution
from models.script import Script
from models.subscription import Subscription
from models.tenancy import as_tenant, system_transaction
from models.tenant import Tenant
from services import calls, pinned
from services.calls import Call
from services.filter_index import patterns
from services.holders import holder
from services.limits import effective
from services.pinned import Version
from services.wiring import settings

log = logging.getLogger(__name__)

RUNS, EVENTS, SCRIPTS, TENANTS, SUBSCRIPTIONS = (
    cast(Table, model.__table__) for model in (Execution, Event, Script, Tenant, Subscription)
)
NOTED_EVERY = timedelta(seconds=5)
# What the usual end of a run writes.
_WRITTEN = ("output", "finished_at", "logs", "logs_dropped", "calls", "wait_ms", "run_ms", "cpu_ms", "peak_memory_bytes",
            "api_calls", "limits")  # fmt: skip
_CLAIMED = ("id", "tenant_id", "script_id", "version_number", "trigger", "type", "triggered_by", "user_id", "event_id",
            "attempt", "chain_depth", "request_id", "input", "test_source", "created_at", "cancel_requested")  # fmt: skip

# Made once: building a statement costs more than executing it.
_LISTENERS = (
    select(SUBSCRIPTIONS.c.tenant_id).distinct()
    .where(SUBSCRIPTIONS.c.enabled, or_(*(SUBSCRIPTIONS.c.event_type == name for name in patterns("dastgoh.execution.succeeded"))))
)  # fmt: skip
_FINISH = (
    update(RUNS)
    .where(RUNS.c.id == bindparam("run_id"), RUNS.c.status == "running", RUNS.c.leased_by == bindparam("holder"))
    .values(status="succeeded", leased_by="", due_at=None, error=None, error_code=None, error_message="", error_frame="",
            **{name: bindparam(f"new_{name}") for name in _WRITTEN})
)  # fmt: skip
_NOTE = (
    update(SCRIPTS)
    .where(
        SCRIPTS.c.id == bindparam("script"),
        or_(SCRIPTS.c.last_run_at.is_(None), SCRIPTS.c.last_run_at < bindparam("stale", type_=UtcDateTime()),
            SCRIPTS.c.last_status != "succeeded"),
    )
    .values(last_run_at=bindparam("now"), last_status="succeeded", updated_at=SCRIPTS.c.updated_at)
)  # fmt: skip
_CLAIM = (
    update(RUNS).where(RUNS.c.id.in_(bindparam("wanted", expanding=True)), RUNS.c.status == "queued")
    .values(status="running", leased_by=bindparam("holder"), started_at=bindparam("now"), due_at=bindparam("lease"))
    .returning(*(RUNS.c[name] for name in _CLAIMED))
)  # fmt: skip
_OWNERS = (
    select(SCRIPTS.c.id, SCRIPTS.c.name, TENANTS.c.slug, TENANTS.c.name.label("tenant_name"),
           TENANTS.c.limits.label("tenant_limits"))
    .join(TENANTS, TENANTS.c.id == SCRIPTS.c.tenant_id).where(SCRIPTS.c.id.in_(bindparam("scripts", expanding=True)))
)  # fmt: skip
_EVENTS = select(EVENTS.c.id, EVENTS.c.external_id, EVENTS.c.type, EVENTS.c.data, EVENTS.c.created_at).where(
    EVENTS.c.id.in_(bindparam("events", expanding=True))
)


@dataclass(frozen=True)
class Ended:
    call: Call
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    begun: list[Call]  # ours to perform now
    told: list[Ended]  # not written: somebody subscribes to such ends, so they are concluded one by one


def turn(ended: Sequence[Ended], wanted: Collection[UUID]) -> Turn:
    """Writes how those ended, and claims what is wanted."""
    with system_transaction(db.engine) as connection:
        listeners = listeners_of(connection) if ended else set()
        written = [one for one in ended if one.call.tenant_id not in listeners]
        if written:
            finish(connection, written)
        rows = _claim(connection, wanted) if wanted else []
    usual = [row for row in rows if row.user_id is None and row.test_source is None and row.trigger == "event"]
    begun = []
    if usual:  # in a transaction of its own: it takes its time, and on SQLite nobody else could write meanwhile
        with reading(), system_transaction(db.engine) as connection:
            begun = _build(connection, usual)
    known = {call.execution_id for call in begun}
    begun += [call for row in rows if row.id not in known and (call := _build_alone(row.tenant_id, row.id))]
    return Turn(begun, [one for one in ended if one.call.tenant_id in listeners])


def listeners_of(connection: Connection) -> set[UUID]:
    """The tenants that subscribe to the good end of runs."""
    return {tenant_id for (tenant_id,) in connection.execute(_LISTENERS)}


def finish(connection: Connection, ended: Sequence[Ended]) -> None:
    us, now = holder(), utcnow()
    connection.execute(_FINISH, [
        {"run_id": one.call.execution_id, "holder": us, **{f"new_{name}": one.values[name] for name in _WRITTEN}}
        for one in ended
    ])  # fmt: skip
    stale = now - NOTED_EVERY
    scripts = sorted(
        {one.call.script_id for one in ended}
    )  # in one order, so that two writers never wait for each other
    connection.execute(_NOTE, [{"script": script_id, "now": now, "stale": stale} for script_id in scripts])


def _claim(connection: Connection, wanted: Collection[UUID]) -> Sequence[Any]:
    now = utcnow()
    lease = now + timedelta(seconds=settings().run_lease_s)
    return connection.execute(_CLAIM, {"wanted": list(wanted), "holder": holder(), "now": now, "lease": lease}).all()


def _build(connection: Connection, rows: Sequence[Any]) -> list[Call]:
    versions = pinned.versions(connection, {(row.script_id, row.version_number) for row in rows})
    events = _events_of(connection, {row.event_id for row in rows})
    owners = _owners_of(connection, {row.script_id for row in rows})
    return [
        _call(row, owners[row.script_id], version, events.get(row.event_id))
        for row in rows
        if (version := versions.get((row.script_id, row.version_number)))
    ]


def _call(row: Any, owner: Any, version: Version, event: dict[str, Any] | None) -> Call:
    return Call(
        execution_id=row.id, tenant_id=row.tenant_id, tenant_slug=owner.slug, tenant_name=owner.tenant_name,
        tenant_limits=dict(owner.tenant_limits), script_id=row.script_id, script_name=owner.name,
        version=row.version_number, source=version.source, parameters=version.parameters,
        limits=effective(version.limits, settings()), trigger=row.trigger, type=row.type,
        triggered_by=row.triggered_by, attempt=row.attempt, chain_depth=row.chain_depth, created_at=row.created_at,
        input=row.input, event=event, request_id=row.request_id, is_unwanted=row.cancel_requested,
    )  # fmt: skip


def _build_alone(tenant_id: UUID, execution_id: UUID) -> Call | None:
    """None where it cannot be built; its lease runs out then, and the sweep says so in its row."""
    try:
        with as_tenant(db.session, tenant_id):
            call = calls.build(execution_id)
            db.session.commit()
            return call
    except SQLAlchemyError:
        log.exception("run %s cannot be performed", execution_id)
        return None


def _owners_of(connection: Connection, script_ids: set[UUID]) -> dict[UUID, Any]:
    return {row.id: row for row in connection.execute(_OWNERS, {"scripts": list(script_ids)})}


def _events_of(connection: Connection, event_ids: set[UUID | None]) -> dict[UUID, dict[str, Any]]:
    rows = connection.execute(_EVENTS, {"events": [event_id for event_id in event_ids if event_id]})
    return {row.id: {"id": row.external_id or str(row.id), "type": row.type, "data": row.data,
                     "timestamp": row.created_at.isoformat()} for row in rows}  # fmt: skip
