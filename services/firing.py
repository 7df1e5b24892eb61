"""What the scheduler does: finds schedules that are due, claims them, and writes what became of each slot.

Claim, ledger and run are one transaction, and a claim names the slot it found (compare-and-set on `next_run_at`). So any
number of schedulers may do this at once, and be killed at any moment: each slot gets exactly one row, and at most one run.
"""

import logging
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfoNotFoundError

from sqlalchemy import Select, Table, bindparam, delete, exists, literal_column, select, update

from models.base import db, utcnow
from models.execution import Execution
from models.ids import uuid7
from models.schedule import Occurrence, Schedule
from models.script import Script
from models.tenancy import as_system, system_reading
from models.tenant import Tenant
from models.user import User
from services import meters, schedule_times, slot_rows
from services.cron.parse import CronError
from services.slot_verdicts import Due, Verdict, judge, standing_reason

log = logging.getLogger(__name__)

BATCH = 200
LEDGER_DAYS = 90
AGAIN_S = 0.2
SPREAD_S = 0.03
"""Several schedulers do not all reach for the same slot in the same moment."""

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
_ARM = (
    update(_ROWS)
    .where(_ROWS.c.id == bindparam("unarmed"), _ROWS.c.next_run_at.is_(None))
    .values(next_run_at=bindparam("next"), updated_at=_ROWS.c.updated_at)
)
_WHEN = [_ROWS.c[name] for name in ("id", "cron", "timezone", "jitter_seconds", "starts_at", "ends_at")]


@dataclass(frozen=True)
class _Plan:
    due: Due
    verdicts: list[Verdict]
    next_run_at: datetime | None

    @property
    def runs(self) -> bool:
        return any(not verdict.reason for verdict in self.verdicts)


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


def until_next() -> float:
    """Seconds until a schedule is due. What stays due although it was just fired is tried again in a while."""
    armed = select(Schedule.next_run_at).where(Schedule.next_run_at.is_not(None))
    with system_reading(db.engine) as connection:
        due = connection.scalar(armed.order_by(Schedule.next_run_at).limit(1))
    if due is None:
        return float("inf")
    wait = (due - utcnow()).total_seconds()
    return wait + random.uniform(0, SPREAD_S) if wait > 0 else AGAIN_S  # noqa: S311 (nobody gains by guessing it)


def _fire_batch(now: datetime) -> int:
    plans = _plans(now)
    if not _claim(plans):
        # Somebody was quicker with one of them, so none of it counts; one by one the others are ours.
        db.session.rollback()
        plans = [plan for plan in _plans(now) if _claim([plan])]
    started = slot_rows.write([(plan.due, verdict) for plan in plans for verdict in plan.verdicts])
    db.session.commit()
    for late_by in started:
        meters.observe("scheduler_lag_seconds", (utcnow() - late_by).total_seconds())
    return len(plans)


def _plans(now: datetime) -> list[_Plan]:
    found = _due(now)
    narrow = [due.schedule.id for due in found if due.schedule.overlap != "allow"]
    going, waiting = busy(narrow), _with_waiting(narrow)
    unsure = _past_lease(going)
    return [
        _plan(due, now, due.schedule.id in going, due.schedule.id in waiting)
        for due in found
        if due.schedule.id not in unsure
    ]


def _plan(due: Due, now: datetime, is_going: bool, has_waiting: bool) -> _Plan:
    try:
        slots, next_run_at = schedule_times.due_slots(due.schedule, now)
        verdicts = judge(due, slots, now, is_going=is_going, has_waiting=has_waiting) if slots else []
        return _Plan(due, verdicts, next_run_at)
    except (CronError, ZoneInfoNotFoundError, ValueError):
        log.exception("schedule %s cannot be read; it is put aside", due.schedule.id)
        return _Plan(due, [], None)


def _due(now: datetime) -> list[Due]:
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
    return [Due(*row) for row in rows]


def _claim(plans: Sequence[_Plan]) -> bool:
    """All of them, or false: then the transaction holds a part, and must not be kept."""
    if not plans:
        return True
    now = utcnow()
    changed = db.session.execute(_CLAIM, [
        {"claimed": plan.due.schedule.id, "found": plan.due.schedule.next_run_at, "next": plan.next_run_at,
         "last": now if plan.runs else plan.due.schedule.last_run_at}
        for plan in plans
    ])  # fmt: skip
    return bool(changed.rowcount == len(plans))  # type: ignore[attr-defined]


# ---- one waiting behind the last run


def busy(schedule_ids: Collection[UUID]) -> set[UUID]:
    """Those of which a run is queued or going on."""
    if not schedule_ids:
        return set()
    query = select(Execution.trigger_id).where(Execution.trigger_id.in_(schedule_ids), _OPEN)
    return {trigger_id for trigger_id in db.session.scalars(query) if trigger_id}


def _past_lease(schedule_ids: Collection[UUID]) -> set[UUID]:
    """Those of which a run may be lost, as after a power cut. The sweep says so in a second, and they stay due until then: a dead
    run must not keep the one away that stands for all that was missed."""
    if not schedule_ids:
        return set()
    is_past = Execution.status == "running", Execution.due_at < utcnow()
    query = select(Execution.trigger_id).where(Execution.trigger_id.in_(schedule_ids), _OPEN, *is_past)
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
            select(Occurrence, User, Schedule, Script, Tenant.is_active)
            .join(Schedule, Schedule.id == Occurrence.schedule_id)
            .join(Script, (Script.tenant_id == Schedule.tenant_id) & (Script.id == Schedule.script_id))
            .join(Tenant, Tenant.id == Schedule.tenant_id)
            .outerjoin(User, User.id == Occurrence.user_id)
            .where(_WAITING, ~still_going).order_by(Occurrence.due_at).limit(BATCH)
            .with_for_update(skip_locked=True, of=Occurrence)
        ).all()  # fmt: skip
        released = (_release(waiting, asked_by, Due(*due)) for waiting, asked_by, *due in rows)  # type: ignore[arg-type]
        runs = [run for run in released if run]
        slot_rows.hand_over(runs)
        db.session.commit()
        return len(runs)


def _release(waiting: Occurrence, asked_by: User | None, due: Due) -> dict[str, Any] | None:
    """By hand it may run whatever is paused or disabled, but for its tenant."""
    reason = standing_reason(due)
    if reason and not (asked_by and due.tenant_is_active):
        waiting.outcome, waiting.reason = "skipped", reason
        return None
    waiting.execution_id = uuid7()
    return slot_rows.run_of(due.schedule, due.script, waiting.execution_id, asked_by)


# ---- housekeeping


def rearm(now: datetime | None = None) -> int:
    """A schedule without a next slot that should have one gets it: after a restored backup, or a row put aside. Any number may
    rightly have none, as those that do not come again before their end, so each batch begins behind the last."""
    now, armed, last = now or utcnow(), 0, UUID(int=0)
    while unarmed := _unarmed(now, last):
        armed += _arm({schedule.id: _due_again(schedule, now) for schedule in unarmed})
        last = unarmed[-1].id
    return armed


def _unarmed(now: datetime, last: UUID) -> list[Schedule]:
    """As copies without what their runs are given, which may be much."""
    has_not_ended = _ROWS.c.ends_at.is_(None) | (_ROWS.c.ends_at > now)
    query = select(*_WHEN).where(_ROWS.c.next_run_at.is_(None), has_not_ended, _ROWS.c.id > last)
    with system_reading(db.engine) as connection:
        rows = connection.execute(query.order_by(_ROWS.c.id).limit(BATCH)).mappings()
        return [Schedule(**row) for row in rows]


def _due_again(schedule: Schedule, now: datetime) -> datetime | None:
    try:
        return schedule_times.due_at(schedule, now)
    except (CronError, ZoneInfoNotFoundError, ValueError):
        log.warning("schedule %s cannot be read, so it does not run", schedule.id)
        return None


def _arm(times: Mapping[UUID, datetime | None]) -> int:
    found = [{"unarmed": id_, "next": at} for id_, at in times.items() if at]
    if not found:
        return 0
    with as_system(db.session):
        changed = db.session.execute(_ARM, found)
        db.session.commit()
    return int(changed.rowcount)  # type: ignore[attr-defined]


def prune() -> None:
    with as_system(db.session):
        db.session.execute(
            delete(Occurrence).where(Occurrence.due_at < utcnow() - timedelta(days=LEDGER_DAYS))
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        db.session.commit()


def _anything(query: Select) -> bool:
    """Asked outside any transaction: most of the time there is nothing, and no writer should wait for that answer."""
    with system_reading(db.engine) as connection:
        return connection.execute(query.limit(1)).first() is not None
