"""A schedule's row and the clock: its slots, and the one it is armed for."""

from collections import deque
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from models.schedule import Schedule
from services.cron.parse import parse
from services.cron.times import Slot, next_slot, slots

# After a long time away only so much is worth counting: each slot of the last days, and the newest of those.
FARTHEST_BACK = timedelta(days=7)
MOST_MISSED = 1_000
_AN_INSTANT = timedelta(microseconds=1)


def delay(schedule: Schedule) -> timedelta:
    """The schedule's own share of its jitter: always the same, so that its runs keep their distance."""
    return timedelta(seconds=schedule.id.int % (schedule.jitter_seconds + 1))


def due_at(schedule: Schedule, now: datetime) -> datetime | None:
    """When it is to be looked at next: its next slot after `now`, and its delay. None when it is over."""
    after = now - delay(schedule)
    if schedule.starts_at and schedule.starts_at > after:
        after = schedule.starts_at - _AN_INSTANT
    slot = next_slot(parse(schedule.cron), ZoneInfo(schedule.timezone), after)
    if slot is None or (schedule.ends_at and slot.at >= schedule.ends_at):
        return None
    return slot.at + delay(schedule)


def first_due_at(schedule: Schedule, now: datetime) -> datetime | None:
    """As `due_at`, where what is set counts from `now`: a slot of before is not its own, though its delay be not over yet."""
    return due_at(schedule, now + delay(schedule))


def due_slots(schedule: Schedule, now: datetime) -> tuple[list[Slot], datetime | None]:
    """The slots from the armed one to now, oldest first, and when it is to be looked at next."""
    assert schedule.next_run_at is not None
    until = now - delay(schedule)
    armed = max(schedule.next_run_at - delay(schedule), until - FARTHEST_BACK)
    due: deque[Slot] = deque(maxlen=MOST_MISSED)
    for slot in slots(parse(schedule.cron), ZoneInfo(schedule.timezone), armed - _AN_INSTANT):
        if schedule.ends_at and slot.at >= schedule.ends_at:
            break
        if slot.at > until:
            return list(due), slot.at + delay(schedule)
        due.append(slot)
    return list(due), None
