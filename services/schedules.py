"""Schedules of a script: making, changing and removing them, what they will do, and what became of what they did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from models.base import db, utcnow
from models.execution import Execution
from models.schedule import Occurrence, Schedule
from models.script import Script
from models.tenant import Tenant
from runtime.limits import KIB
from services import (
    audit,
    firing,
    meanwhile,
    occurrences,
    parameters,
    schedule_checks,
    schedule_times,
    scripts,
    settling,
    triggers,
)
from services.audit import Target
from services.cron.ahead import Effect, next_effect
from services.cron.parse import parse
from services.cron.times import ClockChange, Slot, change_between, slots
from services.errors import Conflict, Invalid, NotFound
from services.firing import fire_due
from services.identity import Principal, require
from services.occurrences import Entry, rhythm
from services.paging import Page
from services.partial import UNCHANGED, Partial
from services.queueing import Wanted, enqueue
from services.slot_verdicts import Due
from services.stored import as_json

__all__ = [
    "Changes",
    "clock_change_ahead",
    "create",
    "delete",
    "fire_due",
    "get",
    "ledger",
    "ledger_page",
    "listed",
    "mark",
    "page",
    "preview",
    "recent",
    "rhythm",
    "run_now",
    "shown",
    "update",
    "zone_named",
]

MOST_PER_SCRIPT = 50
MAX_INPUT_BYTES = 256 * KIB
LEDGER_LENGTH = 60
LEDGER_PAGE = 10
PREVIEW_LENGTH = 10
A_YEAR = timedelta(days=365)
_STEERS = ("cron", "timezone", "jitter_seconds", "starts_at", "ends_at", "enabled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Partial):
    """What may be said about a schedule. What is left out stays as it is, or gets its default."""

    cron: str = UNCHANGED
    timezone: str = UNCHANGED
    input: Any = UNCHANGED
    enabled: bool = UNCHANGED
    overlap: str = UNCHANGED
    misfire: str = UNCHANGED
    jitter_seconds: int = UNCHANGED
    starts_at: datetime | str | None = UNCHANGED
    ends_at: datetime | str | None = UNCHANGED


# ---- reading


def get(actor: Principal, schedule_id: UUID, script_id: UUID | None = None) -> Schedule:
    require(actor, "scripts.read")
    query = select(Schedule).where(Schedule.id == schedule_id)
    schedule = db.session.scalar(query.where(Schedule.script_id == script_id) if script_id else query)
    if schedule is None:
        raise NotFound("There is no such schedule.")
    return schedule


def listed(actor: Principal, script_id: UUID) -> list[Schedule]:
    """Those of one script, oldest first."""
    scripts.get(actor, script_id)
    query = select(Schedule).where(Schedule.script_id == script_id).order_by(Schedule.created_at, Schedule.id)
    return list(db.session.scalars(query))


def page(actor: Principal, cursor: str = "", limit: int = 50) -> tuple[Page[Schedule], dict[UUID, Script]]:
    """All of the tenant, newest first, and their scripts."""
    require(actor, "scripts.read")
    return triggers.page(Schedule, cursor, limit)


def shown(schedule: Schedule) -> dict[str, Any]:
    """As programs see it."""
    facts = triggers.schedule_facts(schedule)
    next_run_at = schedule.next_run_at if schedule.enabled else None
    return facts | {"next_run_at": next_run_at.isoformat() if next_run_at else None}


# ---- changing


def create(actor: Principal, script_id: UUID, changes: Changes) -> Schedule:
    require(actor, "triggers.manage")
    script = scripts.hold(actor, script_id)
    if len(listed(actor, script_id)) >= MOST_PER_SCRIPT:
        raise Conflict("A script has at most %(most)s schedules.", most=MOST_PER_SCRIPT)
    zone = actor.tenant.timezone if actor.tenant else "UTC"
    schedule = Schedule(script_id=script.id, cron="", timezone=zone, enabled=True, overlap="skip", misfire="once",
                        jitter_seconds=0)  # fmt: skip
    _fill(schedule, script, {"cron": "", "input": None} | changes.given())
    db.session.add(schedule)
    db.session.flush()
    schedule.next_run_at = schedule_times.first_due_at(schedule, utcnow())
    _conclude(actor, schedule, "schedule.created", after=triggers.schedule_facts(schedule))
    return schedule


def mark(schedule: Schedule) -> str:
    """Of what is set on its page; pausing has a button of its own."""
    return _mark(triggers.schedule_facts(schedule))


def _mark(facts: Mapping[str, Any]) -> str:
    return meanwhile.mark_of({name: value for name, value in facts.items() if name != "enabled"})


def update(actor: Principal, schedule_id: UUID, changes: Changes, seen: str = "") -> Schedule:
    """With the mark of what its author began from, no change of somebody else's since is undone."""
    require(actor, "triggers.manage")
    script, schedule = _held_with_script(actor, schedule_id)
    before, as_it_was = triggers.schedule_facts(schedule), settling.as_it_is(schedule)
    with db.session.no_autoflush:
        _fill(schedule, script, changes.given())
    after = triggers.schedule_facts(schedule)
    if after == before:
        return schedule
    if seen and seen != _mark(before):
        raise meanwhile.changed("schedule", schedule_id, "enabled")
    if any(after[name] != before[name] for name in _STEERS):
        settling.settle(Due(as_it_was, script, _is_active(script)), schedule, utcnow())
    _conclude(actor, schedule, "schedule.updated", before=before, after=after)
    return schedule


def delete(actor: Principal, schedule_id: UUID) -> None:
    require(actor, "triggers.manage")
    _script, schedule = _held_with_script(actor, schedule_id)
    db.session.delete(schedule)
    _conclude(actor, schedule, "schedule.deleted", before=triggers.schedule_facts(schedule))


def run_now(actor: Principal, schedule_id: UUID) -> Execution | None:
    """By hand, under the schedule's own overlap policy. None: it waits for the run that is still going."""
    require(actor, "scripts.execute")
    schedule = _held(actor, schedule_id)
    script = scripts.get(actor, schedule.script_id)
    if schedule.overlap != "allow" and (firing.busy([schedule.id]) or firing.has_waiting(schedule.id)):
        if schedule.overlap == "skip" or firing.has_waiting(schedule.id):
            raise Conflict("The last run of this schedule is still going.")
        db.session.add(Occurrence(schedule_id=schedule.id, due_at=utcnow(), outcome="ran", user_id=actor.id))
        db.session.commit()
        return None
    run = enqueue(script, Wanted(trigger="manual", actor=actor, input=schedule.input, trigger_id=schedule.id))
    db.session.commit()
    return run


def _held(actor: Principal, schedule_id: UUID) -> Schedule:
    """Until this transaction ends nobody else starts a run of it, by hand or because it is due."""
    get(actor, schedule_id)
    query = select(Schedule).where(Schedule.id == schedule_id).with_for_update()
    schedule = db.session.scalar(query.execution_options(populate_existing=True))
    if schedule is None:
        raise NotFound("There is no such schedule.")
    return schedule


def _held_with_script(actor: Principal, schedule_id: UUID) -> tuple[Script, Schedule]:
    """To be changed. Always in this order, so that two who change triggers of a script never wait for each other."""
    script = scripts.hold(actor, get(actor, schedule_id).script_id)
    return script, _held(actor, schedule_id)


def _is_active(script: Script) -> bool:
    return db.session.get_one(Tenant, script.tenant_id).is_active


def _conclude(
    actor: Principal,
    schedule: Schedule,
    action: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Triggers are part of a version, and what people do is remembered: both in the transaction of the change."""
    db.session.flush()
    script = scripts.touch_triggers(actor, schedule.script_id)
    audit.record(
        actor, action, Target("schedule", schedule.id, f"{script.name}: {schedule.cron}"), before=before, after=after
    )
    db.session.commit()


def _fill(schedule: Schedule, script: Script, given: Mapping[str, Any]) -> None:
    checked: dict[str, Any] = {
        name: check(given[name]) for name, check in schedule_checks.CHECKS.items() if name in given
    }
    if "input" in given:
        checked["input"] = _input(given["input"], script)
    starts, ends = (checked.get(name, getattr(schedule, name)) for name in ("starts_at", "ends_at"))
    if starts and ends and starts >= ends:
        raise Invalid("The end must come after the start.", field="ends_at")
    for name, value in checked.items():
        setattr(schedule, name, value)


def _input(value: Any, script: Script) -> Any:
    """Told at once, and not by every run, if it does not fit the script's parameters."""
    value = as_json(value, MAX_INPUT_BYTES, "input")
    try:
        parameters.apply(list(script.parameters), value)
    except Invalid as error:
        error.field = "input"
        raise
    return value


# ---- what it will do, and what it did


def zone_named(timezone: str) -> ZoneInfo:
    return ZoneInfo(schedule_checks.zone(timezone))


def preview(
    cron: str, timezone: str, *, after: datetime | None = None, ends_at: datetime | None = None
) -> list[Slot | ClockChange]:
    """The next ten times, with the clock changes that come between them."""
    zone, last = zone_named(timezone), after or utcnow()
    found: list[Slot | ClockChange] = []
    for slot in islice(slots(parse(cron), zone, last), PREVIEW_LENGTH):
        if ends_at and slot.at >= ends_at:
            break
        if change := change_between(zone, last, slot.at):
            found.append(change)
        found.append(slot)
        last = slot.at
    return found


def clock_change_ahead(cron: str, timezone: str, after: datetime, ends_at: datetime | None = None) -> Effect | None:
    """The first within a year that moves, skips or repeats one of its times."""
    if after.year >= MAXYEAR - 1:
        return None  # the calendar has no whole year more
    until = after + A_YEAR
    return next_effect(parse(cron), zone_named(timezone), after, min(until, ends_at) if ends_at else until)


def ledger(actor: Principal, schedule_id: UUID, limit: int = LEDGER_LENGTH) -> list[Entry]:
    """What became of the last slots, newest first."""
    get(actor, schedule_id)
    return occurrences.entries(schedule_id, limit)


def ledger_page(actor: Principal, schedule_id: UUID, cursor: str = "", limit: int = LEDGER_PAGE) -> Page[Entry]:
    """What became of all slots that are still told of."""
    get(actor, schedule_id)
    return occurrences.page(schedule_id, cursor, limit)


def recent(actor: Principal, rows: Iterable[Schedule], limit: int = 20) -> dict[UUID, list[Entry]]:
    """The end of each ledger, for lists."""
    require(actor, "scripts.read")
    return {schedule.id: occurrences.entries(schedule.id, limit) for schedule in rows}
