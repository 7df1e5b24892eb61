"""Writing an event, the runs it wants and their places in the outbox: rows of Core, in the caller's transaction."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Insert, Table, bindparam, insert, select

from models.base import db, utcnow
from models.event import Event, OutboxEntry
from models.execution import Execution
from models.ids import uuid7
from models.script import Script
from models.tenancy import bound_to
from services import deliveries, event_types, meters, routing
from services.filter_index import Entry
from services.granted.facts import MAX_DEPTH
from services.queueing import Wanted, columns

_SCRIPTS = Script.__table__
# Made once: for every event, building these would cost more than executing them.
_RUNNABLE = select(_SCRIPTS.c.id, _SCRIPTS.c.name, _SCRIPTS.c.version, _SCRIPTS.c.limits, _SCRIPTS.c.parameters).where(
    _SCRIPTS.c.tenant_id == bindparam("tenant"), _SCRIPTS.c.id.in_(bindparam("scripts", expanding=True)),
    _SCRIPTS.c.enabled, _SCRIPTS.c.deleted_at.is_(None),
)  # fmt: skip
_INSERTS: dict[Any, Insert] = {model: insert(cast(Table, model.__table__)) for model in (Event, Execution, OutboxEntry)}


@dataclass(frozen=True)
class Cause:
    """The run that an event comes from."""

    execution_id: UUID
    script_id: UUID
    depth: int


@dataclass(frozen=True)
class Publication:
    type: str
    data: Any
    external_id: str | None = None
    source: str = "api"
    cause: Cause | None = None

    @cached_property
    def body_hash(self) -> str:
        body = json.dumps([self.type, self.data], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(body.encode()).hexdigest()

    @property
    def depth(self) -> int:
        return self.cause.depth + 1 if self.cause else 0


def record(publication: Publication) -> Event:
    """In the caller's transaction. Rows are written by Core: nothing here is looked at again, and it is twice as quick."""
    event = as_event(publication)
    event_types.learn(event)
    meters.count("events_received_total")
    if event.chain_depth < MAX_DEPTH:
        _deliver(event, publication.cause)
    else:
        insert_event(event)
    return event


def as_event(publication: Publication) -> Event:
    """The row, written nowhere yet."""
    return Event(
        id=uuid7(), external_id=publication.external_id, type=publication.type, data=publication.data,
        body_hash=publication.body_hash, source=publication.source, chain_depth=publication.depth, matched=0,
        cause_id=publication.cause.execution_id if publication.cause else None, created_at=utcnow(),
    )  # fmt: skip


def insert_event(event: Event) -> None:
    names = (
        "id",
        "external_id",
        "type",
        "data",
        "body_hash",
        "source",
        "chain_depth",
        "matched",
        "cause_id",
        "created_at",
    )
    _insert(Event, [{name: getattr(event, name) for name in names}])


def _insert(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    tenant_id = bound_to(db.session)
    db.session.connection().execute(_INSERTS[model], [{"tenant_id": tenant_id, **row} for row in rows])


def as_seen(event: Event) -> dict[str, Any]:
    """As filters and scripts see it."""
    return {"id": event.external_id or str(event.id), "type": event.type, "data": event.data,
            "timestamp": event.created_at.isoformat()}  # fmt: skip


def _deliver(event: Event, cause: Cause | None) -> None:
    found = routing.matching(as_seen(event))
    scripts = _runnable({entry.script_id for entry in (*found.matched, *found.unreadable)})
    wanted = [entry for entry in found.matched if entry.script_id in scripts and not _is_self(entry, cause)]
    event.matched = len(wanted)
    insert_event(event)
    if wanted:
        runs = [_delivery(scripts[entry.script_id], entry, event) for entry in wanted]
        _insert(Execution, runs)
        _insert(OutboxEntry, [{"execution_id": run["id"]} for run in runs])
    for entry in found.unreadable:
        if script := scripts.get(entry.script_id):
            deliveries.bury(script, entry.subscription_id, event, "INVALID_INPUT", "the filter cannot be evaluated")
    meters.count("events_matched_total", len(wanted))
    meters.count("events_filtered_total", found.filtered)


def _delivery(script: Any, entry: Entry, event: Event) -> dict[str, Any]:
    return columns(script, Wanted(
        trigger="event", triggered_by="system", trigger_id=entry.subscription_id, event_id=event.id, label=event.type,
        input=event.data if script.parameters else None, chain_depth=event.chain_depth,
    ))  # fmt: skip


def _runnable(script_ids: set[UUID]) -> dict[UUID, Any]:
    """What a run needs to know of each script that may run."""
    if not script_ids:
        return {}
    asked = {"tenant": bound_to(db.session), "scripts": list(script_ids)}
    return {row.id: row for row in db.session.connection().execute(_RUNNABLE, asked)}


def _is_self(entry: Entry, cause: Cause | None) -> bool:
    return cause is not None and cause.script_id == entry.script_id and not entry.allow_self
