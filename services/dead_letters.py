"""Deliveries that failed for good: seen in groups, one by one, settled with a word of why. Replaying them: services.replays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.dead_letter import DeadLetter
from models.execution import Execution
from models.script import Script
from services import audit, retention
from services.audit import Target
from services.choices import meaning_of
from services.errors import Conflict, NotFound
from services.identity import Principal, require
from services.paging import Page, keyset

MOST_AT_ONCE = 500
MOST_GROUPS = 100
MOST_COUNTED = 99
_IS_OPEN = DeadLetter.resolved_at.is_(None)
STATES = {"open": _IS_OPEN, "resolved": DeadLetter.resolved_at.is_not(None), "all": true()}


@dataclass(frozen=True)
class Filters:
    script_id: UUID | None = None
    code: str = ""
    frame: str | None = None  # "" is a group too: failures without a frame
    event_type: str = ""
    state: str = "open"  # one of STATES
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Group:
    """Failures of one script with one code at one place: most likely one cause."""

    script_id: UUID
    script_name: str
    script_deleted_at: datetime | None  # then it is not replayed
    code: str
    frame: str
    count: int
    latest: datetime
    message: str


def page(actor: Principal, wanted: Filters, cursor: str = "", limit: int = 50) -> Page[DeadLetter]:
    require(actor, "executions.read")
    return keyset(matching(select(DeadLetter), wanted), DeadLetter.failed_at, DeadLetter.id, cursor, limit)


def groups(actor: Principal, wanted: Filters) -> list[Group]:
    require(actor, "executions.read")
    columns = (
        DeadLetter.script_id, Script.name, Script.deleted_at, DeadLetter.error_code, DeadLetter.error_frame,
    )  # fmt: skip
    latest = func.max(DeadLetter.failed_at)
    rows = db.session.execute(
        matching(select(*columns, func.count(DeadLetter.id), latest, func.max(DeadLetter.error_message)), wanted)
        .join(Script, Script.id == DeadLetter.script_id)
        .group_by(*columns).order_by(latest.desc()).limit(MOST_GROUPS)
    ).all()  # fmt: skip
    return [Group(*row) for row in rows]


@dataclass(frozen=True)
class Choices:
    codes: list[str]
    types: list[str]


def choices(actor: Principal) -> Choices:
    """What there is to filter by."""
    require(actor, "executions.read")
    columns = (DeadLetter.error_code, DeadLetter.event_type)
    codes, types = (
        db.session.scalars(select(column).distinct().order_by(column).limit(200)).all() for column in columns
    )
    return Choices(list(codes), list(types))


def count_open(actor: Principal) -> int:
    """For the menu of every page: beyond MOST_COUNTED only that there are more."""
    require(actor, "executions.read")
    some = matching(select(DeadLetter.id), Filters()).limit(MOST_COUNTED + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def get(actor: Principal, letter_id: UUID) -> DeadLetter:
    """With error and payload."""
    require(actor, "executions.read")
    query = select(DeadLetter).where(DeadLetter.id == letter_id)
    letter = db.session.scalar(query.options(undefer(DeadLetter.error), undefer(DeadLetter.event_data)))
    if letter is None:
        raise NotFound("There is no such dead letter.")
    return letter


def replays_of(actor: Principal, letters: Iterable[DeadLetter]) -> dict[UUID, Execution]:
    """By letter: the run that delivers it again, as long as that is kept."""
    require(actor, "executions.read")
    letter_of = {letter.replayed_as: letter.id for letter in letters if letter.replayed_as}
    if not letter_of:
        return {}
    runs = db.session.scalars(select(Execution).where(Execution.id.in_(letter_of)))
    return {letter_of[run.id]: run for run in runs}


def resolve(actor: Principal, letter_id: UUID, note: str = "") -> DeadLetter:
    require(actor, "dead_letters.manage")
    letter = open_one(letter_id)
    close(actor, letter, "resolved", note)
    record(actor, "dead_letter.resolved", letter, {"note": letter.note})
    db.session.commit()
    return letter


def resolve_many(actor: Principal, wanted: Filters, note: str = "") -> int:
    require(actor, "dead_letters.manage")
    letters = oldest_open(wanted)
    for letter in letters:
        close(actor, letter, "resolved", note)
    audit.record(actor, "dead_letter.resolved_many", Target("dead_letter"),
                 after={"count": len(letters), "note": _plain(note)})  # fmt: skip
    db.session.commit()
    return len(letters)


def remove(actor: Principal, letter_id: UUID) -> None:
    require(actor, "dead_letters.manage")
    letter = get(actor, letter_id)
    record(actor, "dead_letter.deleted", letter, {})
    db.session.delete(letter)
    db.session.commit()


def prune() -> None:
    """Past each tenant's retention they go, settled or not."""
    retention.prune("dead_letters", DeadLetter.failed_at)


def matching(query: Any, wanted: Filters) -> Any:
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
    return query.where(meaning_of(wanted.state, STATES, "state"))


def still_open(query: Any) -> Any:
    """Beside what was asked for, not in its place: whoever asked for settled ones must not meet the open ones."""
    return query.where(_IS_OPEN)


def oldest_open(wanted: Filters, *conditions: ColumnElement[bool]) -> Sequence[DeadLetter]:
    """Ours until the transaction ends: what somebody else has at hand is theirs."""
    query = still_open(matching(select(DeadLetter), wanted)).where(*conditions).options(undefer(DeadLetter.event_data))
    query = query.order_by(DeadLetter.failed_at, DeadLetter.id).limit(MOST_AT_ONCE)
    found = db.session.scalars(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    return cast(Sequence[DeadLetter], found.all())


def open_one(letter_id: UUID) -> DeadLetter:
    """Of two who settle or replay it at once, the second is told."""
    query = select(DeadLetter).where(DeadLetter.id == letter_id)
    query = query.options(undefer(DeadLetter.error), undefer(DeadLetter.event_data))
    letter = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if letter is None:
        raise NotFound("There is no such dead letter.")
    if letter.resolved_at:
        raise Conflict("This dead letter is settled already.")
    return letter


def close(actor: Principal, letter: DeadLetter, resolution: str, note: str) -> None:
    letter.resolved_at, letter.resolved_by, letter.resolution = utcnow(), actor.id, resolution
    letter.note = _plain(note) or letter.note


def _plain(note: str) -> str:
    return " ".join(note.split())[:500]


def record(actor: Principal, action: str, letter: DeadLetter, after: dict[str, Any]) -> None:
    audit.record(actor, action, Target("dead_letter", letter.id, letter.event_type), after=after)
