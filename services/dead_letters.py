"""Deliveries that failed for good: seen in groups, replayed as they were or corrected, or settled with a word of why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.dead_letter import DeadLetter
from models.event import Event, OutboxEntry
from models.execution import Execution
from models.script import Script
from models.tenancy import as_system
from models.tenant import Tenant
from services import audit, recording, throttle, versions
from services.audit import Target
from services.errors import Conflict, Invalid, NotFound
from services.events import MAX_DATA_BYTES
from services.identity import Principal, require
from services.paging import Page, keyset
from services.queueing import Wanted, queued
from services.recording import Publication
from services.stored import as_json

RETENTION_DAYS = 30
MOST_AT_ONCE = 500
REPLAYS_PER_MINUTE = 30
MOST_GROUPS = 100

VERSIONS = ("pinned", "current")


@dataclass(frozen=True)
class Filters:
    script_id: UUID | None = None
    code: str = ""
    frame: str | None = None  # "" is a group too: failures without a frame
    event_type: str = ""
    state: str = "open"  # open, resolved, all
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Group:
    """Failures of one script with one code at one place: most likely one cause."""

    script_id: UUID
    script_name: str
    code: str
    frame: str
    count: int
    latest: datetime
    message: str


def page(actor: Principal, wanted: Filters, cursor: str = "", limit: int = 50) -> Page[DeadLetter]:
    require(actor, "executions.read")
    return keyset(_matching(select(DeadLetter), wanted), DeadLetter.failed_at, DeadLetter.id, cursor, limit)


def groups(actor: Principal, wanted: Filters) -> list[Group]:
    require(actor, "executions.read")
    columns = (DeadLetter.script_id, Script.name, DeadLetter.error_code, DeadLetter.error_frame)
    latest = func.max(DeadLetter.failed_at)
    rows = db.session.execute(
        _matching(select(*columns, func.count(DeadLetter.id), latest, func.max(DeadLetter.error_message)), wanted)
        .join(Script, Script.id == DeadLetter.script_id)
        .group_by(*columns).order_by(latest.desc()).limit(MOST_GROUPS)
    ).all()  # fmt: skip
    return [Group(*row) for row in rows]


def count_open(actor: Principal) -> int:
    require(actor, "executions.read")
    return db.session.scalar(_matching(select(func.count(DeadLetter.id)), Filters())) or 0


def get(actor: Principal, letter_id: UUID) -> DeadLetter:
    """With error and payload."""
    require(actor, "executions.read")
    query = select(DeadLetter).where(DeadLetter.id == letter_id)
    letter = db.session.scalar(query.options(undefer(DeadLetter.error), undefer(DeadLetter.event_data)))
    if letter is None:
        raise NotFound("There is no such dead letter.")
    return letter


def replay(actor: Principal, letter_id: UUID, version: str = "pinned") -> Execution:
    """The same event again, on the version that failed or on the current one."""
    require(actor, "dead_letters.manage")
    letter = get(actor, letter_id)
    run = _again(actor, letter, _checked(version))
    _record(actor, "dead_letter.replayed", letter, {"version": run.version_number, "execution": str(run.id)})
    db.session.commit()
    return run


def replay_edited(actor: Principal, letter_id: UUID, data: Any, version: str = "current") -> Execution:
    """A corrected payload, as an event of its own that reaches only this script."""
    require(actor, "dead_letters.manage")
    letter = get(actor, letter_id)
    checked = as_json(data, MAX_DATA_BYTES, "data")
    run = _again(actor, letter, _checked(version), _event_of(letter, checked))
    _record(actor, "dead_letter.replayed", letter,
            {"version": run.version_number, "execution": str(run.id), "edited": True})  # fmt: skip
    db.session.commit()
    return run


def replay_many(actor: Principal, wanted: Filters, version: str = "pinned") -> int:
    """The oldest open ones that match, up to MOST_AT_ONCE; answers how many."""
    require(actor, "dead_letters.manage")
    _checked(version)
    key = f"replay:{actor.tenant.id if actor.tenant else ''}"
    throttle.check(key, REPLAYS_PER_MINUTE)
    throttle.hit(key, 60)
    letters = _oldest_open(wanted)
    for letter in letters:
        _again(actor, letter, _checked(version))
    audit.record(actor, "dead_letter.replayed_many", Target("dead_letter"),
                 after={"count": len(letters), "version": version})  # fmt: skip
    db.session.commit()
    return len(letters)


def count(actor: Principal, wanted: Filters) -> int:
    """How many a replay of many would take: look before you leap."""
    require(actor, "executions.read")
    return min(MOST_AT_ONCE, db.session.scalar(_matching(select(func.count(DeadLetter.id)), _open(wanted))) or 0)


def resolve(actor: Principal, letter_id: UUID, note: str = "") -> DeadLetter:
    require(actor, "dead_letters.manage")
    letter = get(actor, letter_id)
    if letter.resolved_at:
        raise Conflict("This dead letter is settled already.")
    _close(actor, letter, "resolved", note)
    _record(actor, "dead_letter.resolved", letter, {"note": letter.note})
    db.session.commit()
    return letter


def resolve_many(actor: Principal, wanted: Filters, note: str = "") -> int:
    require(actor, "dead_letters.manage")
    letters = _oldest_open(wanted)
    for letter in letters:
        _close(actor, letter, "resolved", note)
    audit.record(actor, "dead_letter.resolved_many", Target("dead_letter"),
                 after={"count": len(letters), "note": _plain(note)})  # fmt: skip
    db.session.commit()
    return len(letters)


def remove(actor: Principal, letter_id: UUID) -> None:
    require(actor, "dead_letters.manage")
    letter = get(actor, letter_id)
    _record(actor, "dead_letter.deleted", letter, {})
    db.session.delete(letter)
    db.session.commit()


def prune() -> None:
    """Past each tenant's retention they go, settled or not."""
    with as_system(db.session):
        for tenant in db.session.scalars(select(Tenant)).all():
            days = tenant.retention.get("dead_letters", RETENTION_DAYS)
            before = utcnow() - timedelta(days=days)
            db.session.execute(
                delete(DeadLetter).where(DeadLetter.tenant_id == tenant.id, DeadLetter.failed_at < before)
            )
        db.session.commit()


def _matching(query: Any, wanted: Filters) -> Any:
    if wanted.script_id:
        query = query.where(DeadLetter.script_id == wanted.script_id)
    if wanted.code:
        query = query.where(DeadLetter.error_code == wanted.code)
    if wanted.frame is not None:
        query = query.where(DeadLetter.error_frame == wanted.frame)
    if wanted.event_type:
        query = query.where(DeadLetter.event_type == wanted.event_type)
    if wanted.since:
        query = query.where(DeadLetter.failed_at >= wanted.since)
    if wanted.until:
        query = query.where(DeadLetter.failed_at < wanted.until)
    if wanted.state in ("open", "resolved"):
        query = query.where(
            DeadLetter.resolved_at.is_(None) if wanted.state == "open" else DeadLetter.resolved_at.is_not(None)
        )
    return query


def _open(wanted: Filters) -> Filters:
    return Filters(**{**vars(wanted), "state": "open"})


def _oldest_open(wanted: Filters) -> Sequence[DeadLetter]:
    query = _matching(select(DeadLetter), _open(wanted)).options(undefer(DeadLetter.event_data))
    return db.session.scalars(query.order_by(DeadLetter.failed_at, DeadLetter.id).limit(MOST_AT_ONCE)).all()


def _checked(version: str) -> str:
    if version not in VERSIONS:
        raise Invalid("The version is pinned or current.", field="version")
    return version


def _again(actor: Principal, letter: DeadLetter, version: str, event: Event | None = None) -> Execution:
    script = db.session.scalar(Script.alive().where(Script.id == letter.script_id))
    if script is None:
        raise Conflict("The script of this dead letter was deleted.")
    if version == "pinned":
        versions.find(script.id, letter.version_number)
    event = event or (db.session.get(Event, letter.event_id) if letter.event_id else None)
    event = event or _event_of(letter, letter.event_data)
    run = queued(script, Wanted(
        trigger="replay", triggered_by="api" if actor.token_id else "user", actor=actor, type="event",
        trigger_id=letter.subscription_id or letter.id, event_id=event.id, replay_of=letter.execution_id,
        version=letter.version_number if version == "pinned" else None, chain_depth=event.chain_depth,
        input=event.data if script.parameters else None,
    ))  # fmt: skip
    db.session.flush()
    db.session.add(OutboxEntry(execution_id=run.id))
    _close(actor, letter, "replayed", "")
    return run


def _event_of(letter: DeadLetter, data: Any) -> Event:
    """An event that nobody's subscription sees: the run that is wanted is made by hand."""
    event = recording.as_event(Publication(letter.event_type, data, source="replay"))
    event.matched = 1
    recording.insert_event(event)
    return event


def _close(actor: Principal, letter: DeadLetter, resolution: str, note: str) -> None:
    letter.resolved_at, letter.resolved_by, letter.resolution = utcnow(), actor.id, resolution
    letter.note = _plain(note) or letter.note


def _plain(note: str) -> str:
    return " ".join(note.split())[:500]


def _record(actor: Principal, action: str, letter: DeadLetter, after: dict[str, Any]) -> None:
    audit.record(actor, action, Target("dead_letter", letter.id, letter.event_type), after=after)
