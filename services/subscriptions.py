"""Subscriptions: which events make a script run. Every change is part of a version of the script."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.event import Event
from models.script import Script
from models.subscription import Subscription
from models.tenant import Tenant
from services import audit, event_types, filters, meanwhile, recording, scripts
from services.audit import Target
from services.errors import Conflict, Invalid, NotFound
from services.filter_index import EVERYTHING, OWN, REST
from services.identity import Principal, require

MOST_PER_SCRIPT = 50
MOST_TRIED = 50


def listed(actor: Principal, script_id: UUID | None = None) -> list[Subscription]:
    require(actor, "scripts.read")
    query = select(Subscription).order_by(Subscription.event_type, Subscription.id)
    return list(db.session.scalars(query.where(Subscription.script_id == script_id) if script_id else query))


def get(actor: Principal, subscription_id: UUID) -> Subscription:
    require(actor, "scripts.read")
    row = db.session.scalar(select(Subscription).where(Subscription.id == subscription_id))
    if row is None:
        raise NotFound("There is no such subscription.")
    return row


def create(
    actor: Principal,
    script_id: UUID,
    event_type: object,
    filter: Any = None,
    *,
    enabled: bool = True,
    allow_self: bool = False,
) -> Subscription:
    require(actor, "triggers.manage")
    script = scripts.hold(actor, script_id)
    if len(listed(actor, script_id)) >= MOST_PER_SCRIPT:
        raise Conflict("A script has %(most)s subscriptions at most.", most=MOST_PER_SCRIPT)
    row = Subscription(script_id=script.id, updated_at=_next_moment())
    _fill(row, {"event_type": event_type, "filter": filter, "enabled": enabled, "allow_self": allow_self})
    db.session.add(row)
    db.session.flush()
    audit.record(actor, "subscription.created", _target(row, script), after=_facts(row))
    return _kept(actor, row)


def mark(row: Subscription) -> str:
    return meanwhile.mark_of(_facts(row))


def update(actor: Principal, subscription_id: UUID, changes: Mapping[str, Any], seen: str = "") -> Subscription:
    """`changes` has any of event_type, filter, enabled and allow_self; the rest stays. With the mark of what its author
    began from, no change of somebody else's since is undone."""
    require(actor, "triggers.manage")
    row = get(actor, subscription_id)
    script = scripts.hold(actor, row.script_id)
    db.session.expire(row)
    row = get(actor, subscription_id)
    before = _facts(row)
    _fill(row, changes)
    after = _facts(row)
    if after == before:
        return row
    if seen and seen != meanwhile.mark_of(before):
        raise meanwhile.changed("subscription", subscription_id)
    row.updated_at = _next_moment()
    audit.record(actor, "subscription.updated", _target(row, script), before=before, after=after)
    return _kept(actor, row)


def delete(actor: Principal, subscription_id: UUID) -> None:
    require(actor, "triggers.manage")
    row = get(actor, subscription_id)
    script = scripts.get(actor, row.script_id)
    audit.record(actor, "subscription.deleted", _target(row, script), before=_facts(row))
    db.session.delete(row)
    db.session.flush()
    scripts.touch_triggers(actor, script.id)
    db.session.commit()


def as_json(row: Subscription) -> dict[str, Any]:
    return {"id": str(row.id), "script_id": str(row.script_id), **_facts(row)}


def _facts(row: Subscription) -> dict[str, Any]:
    return {"event_type": row.event_type, "filter": filters.shown(row.filter), "enabled": row.enabled,
            "allow_self": row.allow_self}  # fmt: skip


def _fill(row: Subscription, given: Mapping[str, Any]) -> None:
    if "event_type" in given:
        row.event_type = event_types.check_pattern(given["event_type"])
    if "filter" in given:
        row.filter = filters.check(given["filter"])
    for name in ("enabled", "allow_self"):
        if name in given:
            if not isinstance(given[name], bool):
                raise Invalid("This must be true or false.", field=name)
            setattr(row, name, given[name])


def _next_moment() -> datetime:
    """Later than every change so far, whatever the clocks say, and before every later one: routing sees a change by the
    latest moment, and would not see one that is committed after a later one."""
    Tenant.hold(db.session)
    latest = db.session.scalar(select(func.max(Subscription.updated_at)))
    return max(utcnow(), latest + timedelta(microseconds=1)) if latest else utcnow()


def _kept(actor: Principal, row: Subscription) -> Subscription:
    db.session.flush()
    scripts.touch_triggers(actor, row.script_id)
    db.session.commit()
    return row


def _target(row: Subscription, script: Script) -> Target:
    return Target("subscription", row.id, f"{script.name}: {row.event_type}")


# ---- Trying a filter before it is kept. ----


@dataclass(frozen=True)
class Tried:
    event: Event
    verdict: filters.Verdict


@dataclass(frozen=True)
class Trial:
    tried: list[Tried]  # the latest events of the type, newest first
    in_a_week: int

    @property
    def matched(self) -> int:
        return sum(one.verdict.holds for one in self.tried)

    @property
    def runs_in_a_week(self) -> int:
        return round(self.in_a_week * self.matched / len(self.tried)) if self.tried else 0


def try_out(actor: Principal, event_type: object, filter: Any, limit: int = MOST_TRIED) -> Trial:
    """Which of the last events would have made the script run, and why."""
    require(actor, "scripts.read")
    pattern, checked = event_types.check_pattern(event_type), filters.check(filter)
    query = of_type(select(Event), pattern).options(undefer(Event.data))
    rows = db.session.scalars(query.order_by(Event.created_at.desc(), Event.id.desc()).limit(limit))
    tried = [Tried(event, filters.explain(checked, recording.as_seen(event))) for event in rows]
    week = select(func.count(Event.id)).where(Event.created_at > utcnow() - timedelta(days=7))
    return Trial(tried, db.session.scalar(of_type(week, pattern)) or 0)


def of_type(query: Select[Any], pattern: str) -> Select[Any]:
    """Narrowed to the events that a subscription of this type concerns."""
    if pattern == EVERYTHING:
        return query.where(~event_types.begins_with(Event.type, OWN))
    if pattern.endswith(REST):
        return query.where(event_types.begins_with(Event.type, pattern[:-1]))
    return query.where(Event.type == pattern)
