"""What a schedule still owes when somebody changes it: slots that came due and that no scheduler has claimed yet.

A change draws a line. What came due before it is judged by the settings of before, as if the scheduler had been a moment
quicker, but for what the new settings rule out: who pauses a schedule wants nothing of it to start any more.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfoNotFoundError

from models.schedule import Schedule
from services import firing, schedule_times, slot_rows
from services.cron.parse import CronError
from services.cron.times import Slot
from services.slot_verdicts import Due, Verdict, judge, let_go


def as_it_is(schedule: Schedule) -> Schedule:
    """A copy that no session knows, and that no change reaches."""
    return Schedule(**{column.key: getattr(schedule, column.key) for column in Schedule.__mapper__.column_attrs})


def settle(before: Due, after: Schedule, now: datetime) -> None:
    """The ledger's rows and the run, if there is one, in the transaction of the change, which holds the schedule's row.
    Then `after` is armed for the first slot that comes after the line."""
    verdicts = _verdicts(before, after, now)
    slot_rows.write([(before, verdict) for verdict in verdicts])
    if any(not verdict.reason for verdict in verdicts):
        after.last_run_at = now
    after.next_run_at = schedule_times.first_due_at(after, now)


def _verdicts(before: Due, after: Schedule, now: datetime) -> list[Verdict]:
    slots = _unclaimed(before.schedule, now)
    if not slots:
        return []
    wanted = [slot for slot in slots if _is_wanted(after, slot)]
    found = let_go(before, [slot for slot in slots if slot not in wanted], now, paused=not after.enabled)
    if wanted:
        id_ = after.id
        found += judge(before, wanted, now, is_going=bool(firing.busy([id_])), has_waiting=firing.has_waiting(id_))
    return found


def _unclaimed(schedule: Schedule, now: datetime) -> Sequence[Slot]:
    """Those whose own delay is not over are among them: nobody would come back to them."""
    if schedule.next_run_at is None:
        return []
    try:
        return schedule_times.due_slots(schedule, now + schedule_times.delay(schedule))[0]
    except (CronError, ZoneInfoNotFoundError, ValueError):
        return []  # what cannot be read is put aside by the scheduler, too


def _is_wanted(schedule: Schedule, slot: Slot) -> bool:
    begun = schedule.starts_at is None or schedule.starts_at <= slot.at
    return schedule.enabled and begun and (schedule.ends_at is None or slot.at < schedule.ends_at)
