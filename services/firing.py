"""What the scheduler does: finds schedules that are due, claims them, and writes what became of each slot.

Claim, ledger and run are one transaction, and a claim names the slot it found (compare-and-set on `next_run_at`). So any
number of schedulers may do this at once, and be killed at any moment: each slot gets exactly one row, and at most one run.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Select, Table, bindparam, delete, exists, literal_column, select, update

from models.base import db, utcnow
from models.database import reading
from models.event import OutboxEntry
from models.execution import Execution
from models.schedule import Occurrence, Schedule
from models.script import Script
from models.tenancy import as_system
from models.tenant import Tenant
from services import meters, schedule_times
from services.cron.parse import Cron, CronError, parse
from services.cron.times import REPEAT, Slot
from services.queueing import Wanted, queued

log = logging.getLogger(__name__)

BATCH = 200
GRACE = timedelta(seconds=60)  # later than this a slot was missed, and the misfire policy speaks
LEDGER_DAYS = 90

# Written into the statement, so that SQLite sees that its partial indexes fit.
_OPEN = Execution.status.in_(bindparam("open", ("queued", "running"), expanding=True, literal_execute=True))
_WAITING = (Occurrence.outcome == literal_column("'ran'")) & Occurrence.execution_id.is_(None)

# Built once and on the table itself: a thousand claims in a second are the hottest thing the scheduler does.
_ROWS = cast(Table, Schedule.__table__)
_CLAIM = (
    update(_ROWS)
    .where(_ROWS.c.id == bindparam("claimed"), _ROWS.c.next_run_at == bindparam("found"))
    .values(
        next_run_at=bindparam("next"),
        last_run_at=bindparam("last"),
        updated_at=_ROWS.c.updated_at,  # it tells of people's changes, not of ours
    )
)


@dataclass(frozen=True)
class _Verdict:
    """What became of a slot: `reason` says why it was skipped; without one it runs, now or (`waits`) after the last run."""

    slot: datetime
    reason: str = ""
    waits: bool = False

    @property
    def runs_now(self) -> bool:
        return not self.reason and not self.waits


@dataclass(frozen=True)
class _Due:
    schedule: Schedule
    script: Script
    tenant_is_active: bool


def fire_due(now: datetime | None = None) -> int:
    """Fires everything that is due; answers how many schedules it claimed."""
    total = 0
    with as_system(db.session):
        while _anything(select(Schedule.id).where(Schedule.next_run_at <= (now or utcnow()))):
            claimed = _fire_batch(now or utcnow())
            total += claimed
            if claimed < BATCH:
                break
    return total


def _fire_batch(now: datetime) -> int:
    found = _due(now)
    narrow = [due.schedule.id for due in found if due.schedule.overlap != "allow"]
    going, waiting = busy(narrow), _with_waiting(narrow)
    claimed = 0
    runs: list[tuple[Execution, datetime]] = []
    for due in found:
        schedule = due.schedule
        try:
            verdicts = _verdicts(due, now, is_going=schedule.id in going, has_waiting=schedule.id in waiting)
            next_run_at = schedule_times.due_at(schedule, now)
        except (CronError, ZoneInfoNotFoundError, ValueError):
            log.exception("schedule %s cannot be read; it is put aside", schedule.id)
            verdicts, next_run_at = [], None
        if not _claim(schedule, next_run_at, ran=any(not verdict.reason for verdict in verdicts)):
            continue
        claimed += 1
        runs += _write(due, verdicts)
    _hand_over([run for run, _slot in runs])
    db.session.commit()
    for _run, slot in runs:
        meters.observe("scheduler_lag_seconds", (utcnow() - slot).total_seconds())
    return claimed


def _due(now: datetime) -> list[_Due]:
    rows = db.session.execute(
        select(Schedule, Script, Tenant.is_active)
        .join(Script, (Script.tenant_id == Schedule.tenant_id) & (Script.id == Schedule.script_id))
        .join(Tenant, Tenant.id == Schedule.tenant_id)
        .where(Schedule.next_run_at <= now)
        .order_by(Schedule.next_run_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Schedule)
        .execution_options(populate_existing=True)
    )
    return [_Due(*row) for row in rows]


def _claim(schedule: Schedule, next_run_at: datetime | None, *, ran: bool) -> bool:
    last_run_at = utcnow() if ran else schedule.last_run_at
    changed = db.session.execute(
        _CLAIM, {"claimed": schedule.id, "found": schedule.next_run_at, "next": next_run_at, "last": last_run_at}
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def _verdicts(due: _Due, now: datetime, *, is_going: bool, has_waiting: bool) -> list[_Verdict]:
    schedule = due.schedule
    slots = schedule_times.due_slots(schedule, now)
    if not slots:
        return []
    found = [_Verdict(slot.at, reason) for slot, reason in _missed(due, slots, now)]
    if len(found) < len(slots):
        found.append(_newest(schedule, slots[-1], is_going=is_going, has_waiting=has_waiting))
    return [*found, *(_Verdict(shown, "clock_change") for shown in _second_showings(schedule, slots))]


def _missed(due: _Due, slots: Sequence[Slot], now: datetime) -> Iterator[tuple[Slot, str]]:
    """The slots that do not run, whatever else goes on. The newest of all may: then it is not among them."""
    schedule = due.schedule
    standing = _standing_reason(due)
    if standing:
        yield from ((slot, standing) for slot in slots)
        return
    # One run stands for all the missed ones, or they are let go.
    yield from ((slot, "misfire" if schedule.misfire == "skip" else "down") for slot in slots[:-1])
    is_late = slots[-1].at + schedule_times.delay(schedule) < now - GRACE
    if is_late and schedule.misfire == "skip":
        yield slots[-1], "misfire"


def _standing_reason(due: _Due) -> str:
    if not (due.script.enabled and due.tenant_is_active):
        return "disabled"
    return "" if due.schedule.enabled else "paused"


def _newest(schedule: Schedule, slot: Slot, *, is_going: bool, has_waiting: bool) -> _Verdict:
    if schedule.overlap == "allow" or not (is_going or has_waiting):
        return _Verdict(slot.at)
    if schedule.overlap == "queue" and not has_waiting:
        return _Verdict(slot.at, waits=True)
    return _Verdict(slot.at, "overlap")


def _second_showings(schedule: Schedule, slots: Sequence[Slot]) -> list[datetime]:
    """A time that the clock shows twice ran the first time; the ledger says so of the second."""
    expression = parse(schedule.cron)
    if not isinstance(expression, Cron) or expression.all_day_long:
        return []
    zone = ZoneInfo(schedule.timezone)
    return [slot.wall.replace(tzinfo=zone, fold=1) for slot in slots if slot.mark == REPEAT]


def _write(due: _Due, verdicts: Sequence[_Verdict]) -> list[tuple[Execution, datetime]]:
    schedule, runs = due.schedule, []
    for verdict in verdicts:
        run = _run_of(schedule, due.script) if verdict.runs_now else None
        if run:
            runs.append((run, verdict.slot + schedule_times.delay(schedule)))
        db.session.add(Occurrence(
            tenant_id=schedule.tenant_id, schedule_id=schedule.id, due_at=verdict.slot,
            outcome="skipped" if verdict.reason else "ran", reason=verdict.reason, execution_id=run.id if run else None,
        ))  # fmt: skip
        meters.count("occurrences_total", outcome=verdict.reason or "ran")
    return runs


def _run_of(schedule: Schedule, script: Script) -> Execution:
    run = queued(script, Wanted(
        trigger="cron", triggered_by="system", input=schedule.input, trigger_id=schedule.id, label=schedule.cron,
    ))  # fmt: skip
    run.tenant_id = schedule.tenant_id
    return run


def _hand_over(runs: Collection[Execution]) -> None:
    db.session.flush()  # the runs first: the outbox refers to them
    db.session.add_all(OutboxEntry(tenant_id=run.tenant_id, execution_id=run.id) for run in runs)


# ---- one waiting behind the last run


def busy(schedule_ids: Collection[UUID]) -> set[UUID]:
    """Those of which a run is queued or going on."""
    if not schedule_ids:
        return set()
    query = select(Execution.trigger_id).where(Execution.trigger_id.in_(schedule_ids), _OPEN)
    return {trigger_id for trigger_id in db.session.scalars(query) if trigger_id}


def _with_waiting(schedule_ids: Collection[UUID]) -> set[UUID]:
    if not schedule_ids:
        return set()
    query = select(Occurrence.schedule_id).where(Occurrence.schedule_id.in_(schedule_ids), _WAITING)
    return set(db.session.scalars(query))


def has_waiting(schedule_id: UUID) -> bool:
    return bool(_with_waiting([schedule_id]))


def release_waiting() -> int:
    """Starts what waited, where the run before it has ended."""
    still_going = exists().where(Execution.trigger_id == Occurrence.schedule_id, _OPEN)
    query = select(Occurrence.id).where(_WAITING, ~still_going)
    with as_system(db.session):
        if not _anything(query):
            return 0
        rows = db.session.execute(
            select(Occurrence, Schedule, Script, Tenant.is_active)
            .join(Schedule, Schedule.id == Occurrence.schedule_id)
            .join(Script, (Script.tenant_id == Schedule.tenant_id) & (Script.id == Schedule.script_id))
            .join(Tenant, Tenant.id == Schedule.tenant_id)
            .where(_WAITING, ~still_going).order_by(Occurrence.due_at).limit(BATCH)
            .with_for_update(skip_locked=True, of=Occurrence)
        ).all()  # fmt: skip
        released = (_release(waiting, _Due(*due)) for waiting, *due in rows)  # type: ignore[arg-type]
        runs = [run for run in released if run]
        _hand_over(runs)
        db.session.commit()
        return len(runs)


def _release(waiting: Occurrence, due: _Due) -> Execution | None:
    if reason := _standing_reason(due):
        waiting.outcome, waiting.reason = "skipped", reason
        return None
    run = _run_of(due.schedule, due.script)
    waiting.execution_id = run.id
    return run


# ---- housekeeping


def rearm(now: datetime | None = None) -> int:
    """A schedule without a next slot that should have one gets it: after a restored backup, or a row put aside."""
    now, armed = now or utcnow(), 0
    query = select(Schedule).where(
        Schedule.next_run_at.is_(None), (Schedule.ends_at.is_(None)) | (Schedule.ends_at > now)
    )
    with as_system(db.session):
        if not _anything(query.with_only_columns(Schedule.id)):
            return 0
        for schedule in db.session.scalars(query.limit(BATCH).with_for_update(skip_locked=True)):
            try:
                schedule.next_run_at = schedule_times.due_at(schedule, now)
            except (CronError, ZoneInfoNotFoundError, ValueError):
                log.warning("schedule %s cannot be read, so it does not run", schedule.id)
            armed += schedule.next_run_at is not None
        db.session.commit()
    return armed


def prune() -> None:
    with as_system(db.session):
        db.session.execute(
            delete(Occurrence).where(Occurrence.due_at < utcnow() - timedelta(days=LEDGER_DAYS))
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        db.session.commit()


def _anything(query: Select) -> bool:
    """Asked in a reading transaction: most of the time there is nothing, and no writer should wait for that answer."""
    with reading():
        found = db.session.execute(query.limit(1)).first() is not None
        db.session.commit()
    return found
