"""Reading what happened: events with what they led to, and why a subscription did or did not take one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import undefer

from models.base import db
from models.event import Event
from models.execution import Execution
from models.script import Script
from models.subscription import Subscription
from services import event_types, filters, recording, retention
from services.choices import meaning_of
from services.errors import NotFound
from services.filter_index import patterns
from services.granted.facts import MAX_DEPTH
from services.identity import Principal, require
from services.paging import Page, keyset

SOURCES = {name: name for name in ("api", "script", "page", "replay", "dastgoh")}
OUTCOMES = {"yes": Event.matched > 0, "no": Event.matched == 0, "stopped": Event.chain_depth >= MAX_DEPTH}


@dataclass(frozen=True)
class Filters:
    type: str = ""
    source: str = ""
    matched: str = ""  # one of OUTCOMES
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Considered:
    """A subscription of the event's type, as it stands now, and what it says of the event."""

    subscription: Subscription
    script: Script
    verdict: filters.Verdict | None  # None where its filter cannot be read
    is_self: bool
    took_it: bool  # then, whatever it says now


def page(actor: Principal, wanted: Filters, cursor: str = "", limit: int = 50) -> Page[Event]:
    require(actor, "executions.read")
    query = select(Event)
    if wanted.type:
        begins = wanted.type.removesuffix("*")
        query = query.where(
            event_types.begins_with(Event.type, begins) if begins != wanted.type else Event.type == wanted.type
        )
    if wanted.source:
        query = query.where(Event.source == meaning_of(wanted.source, SOURCES, "source"))
    if wanted.matched:
        query = query.where(meaning_of(wanted.matched, OUTCOMES, "matched"))
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


def ends(actor: Principal, events: Iterable[Event]) -> dict[UUID, dict[str, int]]:
    """By event: how many of its deliveries have which status. Tries by hand and later replays are not among them."""
    require(actor, "executions.read")
    ids = [event.id for event in events if event.matched]
    found: dict[UUID, dict[str, int]] = defaultdict(dict)
    query = (
        select(Event.id, Execution.status, func.count(Execution.id)).join(Execution, Execution.event_id == Event.id)
        .where(Event.id.in_(ids), or_(Execution.trigger == "event", Event.source == "replay"))
        .group_by(Event.id, Execution.status)
    )  # fmt: skip
    for event_id, status, count in db.session.execute(query):
        found[event_id][status] = count
    return found


def considered(actor: Principal, event: Event) -> list[Considered]:
    """Every subscription whose type the event has, with each condition's verdict. As they stand now: filters change."""
    require(actor, "scripts.read")
    rows = db.session.execute(
        select(Subscription, Script).join(Script, Script.id == Subscription.script_id)
        .where(Subscription.event_type.in_(patterns(event.type)), Script.deleted_at.is_(None))
        .order_by(Script.name, Subscription.id)
    ).all()  # fmt: skip
    publisher = db.session.scalar(select(Execution.script_id).where(Execution.id == event.cause_id))
    took = set(db.session.scalars(select(Execution.trigger_id).where(Execution.event_id == event.id)))
    seen = recording.as_seen(event)
    return [
        Considered(row, script, _verdict(row, seen), script.id == publisher and not row.allow_self, row.id in took)
        for row, script in rows
    ]


def _verdict(row: Subscription, seen: Mapping[str, Any]) -> filters.Verdict | None:
    try:
        return filters.explain(row.filter, seen)
    except filters.UNREADABLE:
        return None


def scripts_of(script_ids: Iterable[UUID]) -> dict[UUID, Script]:
    """Names beside runs, letters and subscriptions; deleted scripts as well, for history stays readable."""
    rows = db.session.scalars(select(Script).where(Script.id.in_(set(script_ids))))
    return {script.id: script for script in rows}


def prune() -> None:
    """Past each tenant's retention events go; runs and dead letters keep what they need of them."""
    retention.prune("events", Event.created_at)
