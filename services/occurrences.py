"""What became of a schedule's slots, and how often it therefore really runs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from models.base import db, utcnow
from models.execution import Execution
from models.schedule import Occurrence, Schedule
from services.cron.parse import Every, parse
from services.cron.times import slots
from services.paging import Page, keyset

_ENOUGH = 25  # times, to know how far apart they usually are
_WORTH_SAYING = 1.1  # one time in many that was skipped is no other rhythm


@dataclass(frozen=True)
class Entry:
    """A slot of the ledger. `state`: a run's status, or waiting, or skipped."""

    due_at: datetime
    state: str
    reason: str = ""
    execution_id: UUID | None = None
    error_code: str | None = None
    run_ms: int | None = None


def entries(schedule_id: UUID, limit: int) -> list[Entry]:
    rows = db.session.execute(
        select(Occurrence, Execution.status, Execution.error_code, Execution.run_ms)
        .outerjoin(Execution, Execution.id == Occurrence.execution_id)
        .where(Occurrence.schedule_id == schedule_id)
        .order_by(Occurrence.due_at.desc())
        .limit(limit)
    )
    return [_entry(*row) for row in rows]


def page(schedule_id: UUID, cursor: str, limit: int) -> Page[Entry]:
    """All of them, newest first."""
    of_schedule = select(Occurrence).where(Occurrence.schedule_id == schedule_id)
    found = keyset(of_schedule, Occurrence.due_at, Occurrence.id, cursor, limit)
    runs = select(Execution.id, Execution.status, Execution.error_code, Execution.run_ms).where(
        Execution.id.in_([slot.execution_id for slot in found.rows if slot.execution_id])
    )
    ends = {run.id: (run.status, run.error_code, run.run_ms) for run in db.session.execute(runs)}
    gone = None, None, None
    rows = [_entry(slot, *(ends.get(slot.execution_id, gone) if slot.execution_id else gone)) for slot in found.rows]
    return Page(rows, found.next_cursor, found.newer_cursor)


def _entry(slot: Occurrence, status: str | None, error_code: str | None, run_ms: int | None) -> Entry:
    if slot.outcome == "skipped":
        return Entry(slot.due_at, "skipped", slot.reason)
    if slot.execution_id is None:
        return Entry(slot.due_at, "waiting")
    if status == "refused":  # the run was wanted, and a limit of the tenant said no
        reason = "disabled" if error_code == "FEATURE_DISABLED" else "quota"
        return Entry(slot.due_at, "skipped", reason, slot.execution_id, error_code)
    # A run past its retention is gone; that it ran is still known.
    return Entry(slot.due_at, status or "ran", "", slot.execution_id if status else None, error_code, run_ms)


@dataclass(frozen=True)
class Rhythm:
    configured: timedelta
    effective: timedelta
    is_stretched: bool = False  # by runs that were still going


def rhythm(schedule: Schedule, entries: Sequence[Entry]) -> Rhythm | None:
    """How often it was meant to run, and how often it does: no more than once a minute, and less where runs overlap."""
    expression = parse(schedule.cron)
    coming = [slot.at for slot in islice(slots(expression, ZoneInfo(schedule.timezone), utcnow()), _ENOUGH)]
    if len(coming) < 2:
        return None
    period = _usual(after - before for before, after in pairwise(coming))
    # What it was set to before says nothing of what it is set to now.
    since = [entry for entry in entries if entry.due_at >= schedule.updated_at]
    overlapped = sum(entry.reason == "overlap" for entry in since)
    ran = sum(entry.state != "skipped" for entry in since)
    configured = timedelta(seconds=expression.seconds) if isinstance(expression, Every) else period
    stretch = (ran + overlapped) / ran if ran else 1.0
    return Rhythm(configured, period * stretch, is_stretched=stretch >= _WORTH_SAYING)


def _usual(pauses: Iterable[timedelta]) -> timedelta:
    """Nights and weekends lie between some of them."""
    times = Counter(pauses)
    return min(times, key=lambda pause: (-times[pause], pause))
