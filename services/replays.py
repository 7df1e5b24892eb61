"""Delivering again what failed for good: as it was or corrected, on the version that failed or the current one, one or many."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from models.base import db
from models.dead_letter import DeadLetter
from models.event import Event, OutboxEntry
from models.execution import Execution
from models.script import Script
from models.script_version import ScriptVersion
from services import audit, dead_letters, recording, throttle, versions
from services.audit import Target
from services.dead_letters import Filters
from services.errors import Conflict, Invalid
from services.events import MAX_DATA_BYTES
from services.identity import Principal, require
from services.queueing import Wanted, queued
from services.recording import Publication
from services.stored import as_json

VERSIONS = ("pinned", "current")
# Of a tenant. Each may set off dead_letters.MOST_AT_ONCE runs, or one.
MANY_PER_MINUTE, ONES_PER_MINUTE = 10, 120


def replay(actor: Principal, letter_id: UUID, version: str = "pinned") -> Execution:
    """The same event again, on the version that failed or on the current one."""
    require(actor, "dead_letters.manage")
    _brake(actor, "one", ONES_PER_MINUTE)
    letter = dead_letters.open_one(letter_id)
    run = _again(actor, letter, _checked(version))
    facts = {"version": run.version_number, "execution": str(run.id)}
    dead_letters.record(actor, "dead_letter.replayed", letter, facts)
    db.session.commit()
    return run


def replay_edited(actor: Principal, letter_id: UUID, data: Any, version: str = "current") -> Execution:
    """A corrected payload, as an event of its own that reaches only this script."""
    require(actor, "dead_letters.manage")
    _brake(actor, "one", ONES_PER_MINUTE)
    checked = as_json(data, MAX_DATA_BYTES, "data")
    letter = dead_letters.open_one(letter_id)
    run = _again(actor, letter, _checked(version), _event_of(letter, checked))
    facts = {"version": run.version_number, "execution": str(run.id), "edited": True}
    dead_letters.record(actor, "dead_letter.replayed", letter, facts)
    db.session.commit()
    return run


def replay_many(actor: Principal, wanted: Filters, version: str = "pinned") -> int:
    """The oldest open ones that match, up to dead_letters.MOST_AT_ONCE; answers how many."""
    require(actor, "dead_letters.manage")
    chosen = _checked(version)
    _brake(actor, "many", MANY_PER_MINUTE)
    letters = dead_letters.oldest_open(wanted, _replayable(chosen))
    for letter in letters:
        _again(actor, letter, version)
    audit.record(actor, "dead_letter.replayed_many", Target("dead_letter"),
                 after={"count": len(letters), "version": version})  # fmt: skip
    db.session.commit()
    return len(letters)


@dataclass(frozen=True)
class Outlook:
    """What a replay of many would do: look before you leap."""

    open: int
    scripts: int
    replayable: int  # of them; the others are of scripts that were deleted

    @property
    def replayed(self) -> int:
        return min(dead_letters.MOST_AT_ONCE, self.replayable)


def outlook(actor: Principal, wanted: Filters) -> Outlook:
    require(actor, "executions.read")
    counts = select(func.count(DeadLetter.id), func.count(DeadLetter.script_id.distinct()))
    open_ones = dead_letters.still_open(dead_letters.matching(counts, wanted))
    count, scripts = db.session.execute(open_ones).one()
    replayable, _ = db.session.execute(open_ones.where(_replayable("current"))).one()
    return Outlook(count, scripts, replayable)


def _replayable(version: str) -> ColumnElement[bool]:
    """One letter that cannot be replayed must not keep the others from it."""
    alive = Script.alive().with_only_columns(Script.id)
    possible = DeadLetter.script_id.in_(alive)
    if version == "current":
        return possible
    kept = select(ScriptVersion.id).where(
        ScriptVersion.script_id == DeadLetter.script_id, ScriptVersion.number == DeadLetter.version_number
    )
    return possible & kept.exists()


def _brake(actor: Principal, how_many: str, per_minute: int) -> None:
    throttle.count(f"replay-{how_many}:{actor.tenant.id if actor.tenant else ''}", per_minute)


def _checked(version: str) -> str:
    if version not in VERSIONS:
        raise Invalid("The version is pinned or current.", field="version")
    return version


def _again(actor: Principal, letter: DeadLetter, version: str, event: Event | None = None) -> Execution:
    script = db.session.scalar(Script.alive().where(Script.id == letter.script_id))
    if script is None:
        raise Conflict("The script of this dead letter was deleted.")
    form = script.parameters
    if version == "pinned":
        form = versions.find(script.id, letter.version_number).parameters
    event = event or (db.session.get(Event, letter.event_id) if letter.event_id else None)
    event = event or _event_of(letter, letter.event_data)
    run = queued(script, Wanted(
        trigger="replay", triggered_by="api" if actor.token_id else "user", actor=actor, type="event",
        trigger_id=letter.subscription_id or letter.id, event_id=event.id, replay_of=letter.execution_id,
        version=letter.version_number if version == "pinned" else None, chain_depth=event.chain_depth,
        input=event.data if form else None,
    ))  # fmt: skip
    db.session.flush()
    db.session.add(OutboxEntry(execution_id=run.id))
    letter.replayed_as = run.id
    dead_letters.close(actor, letter, "replayed", "")
    return run


def _event_of(letter: DeadLetter, data: Any) -> Event:
    """An event that nobody's subscription sees: the run that is wanted is made by hand."""
    event = recording.as_event(Publication(letter.event_type, data, source="replay"))
    event.matched = 1
    recording.insert_event(event)
    return event
