"""Reading what happened: events with what they led to, and why a subscription did or did not take one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.event import Event
from models.execution import Execution
from models.script import Script
from models.subscription import Subscription
from models.tenancy import as_system
from models.tenant import Tenant
from services import filters, recording
from services.errors import NotFound
from services.filter_index import patterns
from services.granted.facts import MAX_DEPTH
from services.identity import Principal, require
from services.paging import Page, keyset

MOST_IN_CHAIN = 100
RETENTION_DAYS = 90


@dataclass(frozen=True)
class Filters:
    type: str = ""
    source: str = ""
    matched: str = ""  # yes, no, stopped
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Considered:
    """A subscription of the event's type, as it stands now, and what it says of the event."""

    subscription: Subscription
    script: Script
    verdict: filters.Verdict
    is_self: bool


@dataclass
class Link:
    """One event of a chain, the runs it led to, and the events those published."""

    event: Event
    runs: list[Execution] = field(default_factory=list)
    then: dict[UUID, list["Link"]] = field(default_factory=dict)  # by run


def page(actor: Principal, wanted: Filters, cursor: str = "", limit: int = 50) -> Page[Event]:
    require(actor, "executions.read")
    query = select(Event)
    if wanted.type:
        begins = wanted.type.removesuffix("*")
        query = query.where(
            Event.type.startswith(begins, autoescape=True) if begins != wanted.type else Event.type == wanted.type
        )
    if wanted.source:
        query = query.where(Event.source == wanted.source)
    conditions: Mapping[str, Any] = {
        "yes": Event.matched > 0, "no": Event.matched == 0, "stopped": Event.chain_depth >= MAX_DEPTH,
    }  # fmt: skip
    if wanted.matched in conditions:
        query = query.where(conditions[wanted.matched])
    if wanted.since:
        query = query.where(Event.created_at >= wanted.since)
    if wanted.until:
        query = query.where(Event.created_at < wanted.until)
    return keyset(query, Event.created_at, Event.id, cursor, limit)


def get(actor: Principal, event_id: UUID) -> Event:
    """With its data."""
    require(actor, "executions.read")
    event = db.session.scalar(select(Event).where(Event.id == event_id).options(undefer(Event.data)))
    if event is None:
        raise NotFound("There is no such event.")
    return event


def runs(actor: Principal, event_id: UUID) -> list[Execution]:
    require(actor, "executions.read")
    return list(db.session.scalars(select(Execution).where(Execution.event_id == event_id).order_by(Execution.id)))


def considered(actor: Principal, event: Event) -> list[Considered]:
    """Every subscription whose type the event has, with each condition's verdict. As they stand now: filters change."""
    require(actor, "scripts.read")
    rows = db.session.execute(
        select(Subscription, Script).join(Script, Script.id == Subscription.script_id)
        .where(Subscription.event_type.in_(patterns(event.type)), Script.deleted_at.is_(None))
        .order_by(Script.name, Subscription.id)
    ).all()  # fmt: skip
    publisher = db.session.scalar(select(Execution.script_id).where(Execution.id == event.cause_id))
    seen = recording.as_seen(event)
    return [
        Considered(row, script, filters.explain(row.filter, seen), script.id == publisher and not row.allow_self)
        for row, script in rows
    ]


def chain(actor: Principal, event: Event) -> Link:
    """Event, runs, their events and so on, from the first event that led to this one."""
    require(actor, "executions.read")
    left = [MOST_IN_CHAIN]
    return _link(_origin(event), left)


def _origin(event: Event) -> Event:
    for _ in range(MAX_DEPTH + 1):
        run = db.session.get(Execution, event.cause_id) if event.cause_id else None
        before = db.session.get(Event, run.event_id) if run and run.event_id else None
        if before is None:
            return event
        event = before
    return event


def _link(event: Event, left: list[int]) -> Link:
    link = Link(event)
    for run in db.session.scalars(
        select(Execution).where(Execution.event_id == event.id).order_by(Execution.id).limit(20)
    ):
        left[0] -= 1
        if left[0] < 0:
            return link
        link.runs.append(run)
        caused = db.session.scalars(select(Event).where(Event.cause_id == run.id).order_by(Event.id).limit(20)).all()
        link.then[run.id] = [_link(next_event, left) for next_event in caused]
    return link


def runs_of(link: Link) -> list[Execution]:
    """Every run of a chain."""
    return [*link.runs, *(run for links in link.then.values() for inner in links for run in runs_of(inner))]


def scripts_of(script_ids: Iterable[UUID]) -> dict[UUID, Script]:
    """Names beside runs, letters and subscriptions; deleted scripts as well, for history stays readable."""
    rows = db.session.scalars(select(Script).where(Script.id.in_(set(script_ids))))
    return {script.id: script for script in rows}


def prune() -> None:
    """Past each tenant's retention events go; runs and dead letters keep what they need of them."""
    with as_system(db.session):
        for tenant in db.session.scalars(select(Tenant)).all():
            before = utcnow() - timedelta(days=tenant.retention.get("events", RETENTION_DAYS))
            db.session.execute(
                delete(Event).where(Event.tenant_id == tenant.id, Event.created_at < before)
                .execution_options(synchronize_session=False)
            )  # fmt: skip
        db.session.commit()
