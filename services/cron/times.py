"""When an expression comes due, in a time zone whose clocks change.

Whoever writes 02:30 means the clock on the wall. A time that a clock change leaves out happens once, at the first
instant after the gap; a time that comes twice happens the first time. An expression that names no hours
(`*/15 * * * *`) means elapsed time: it goes on every fifteen minutes whatever the clocks do.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.cron.parse import Cron, Every, Expression, days_of_month

GAP, REPEAT = "gap", "repeat"
_A_DAY, _A_MINUTE, _A_SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
_YEARS_AHEAD = 41  # to the next 29 February on a given weekday, across a century without a leap day


@dataclass(frozen=True)
class Slot:
    """`wall` is what the expression asks for on the clock; in a gap that time does not exist and `at` is the next that does."""

    at: datetime
    wall: datetime
    mark: str = ""


@dataclass(frozen=True)
class ClockChange:
    at: datetime
    wall_before: datetime
    wall_after: datetime

    @property
    def is_forward(self) -> bool:
        return self.wall_after > self.wall_before


def next_time(expression: Expression, zone: ZoneInfo, after: datetime) -> datetime | None:
    """None when it never comes again."""
    slot = next_slot(expression, zone, after)
    return slot.at if slot else None


def slots(expression: Expression, zone: ZoneInfo, after: datetime) -> Iterator[Slot]:
    slot = next_slot(expression, zone, after)
    while slot:
        yield slot
        slot = next_slot(expression, zone, slot.at)


def next_slot(expression: Expression, zone: ZoneInfo, after: datetime) -> Slot | None:
    after = after.astimezone(UTC)
    if isinstance(expression, Every):
        return _next_beat(expression, zone, after)
    if expression.all_day_long:
        return _next_elapsed(expression, zone, after)
    return _next_on_the_clock(expression, zone, after)


def change_between(zone: ZoneInfo, start: datetime, end: datetime) -> ClockChange | None:
    """The clock change after `start` and not after `end`, if the two are on different sides of one."""
    before, after = _offset(zone, start), _offset(zone, end)
    if before == after:
        return None
    while end - start > _A_SECOND:
        middle = start + (end - start) / 2
        start, end = (middle, end) if _offset(zone, middle) == before else (start, middle)
    at = end.astimezone(UTC).replace(microsecond=0)
    wall = at.replace(tzinfo=None)
    return ClockChange(at, wall + before, wall + _offset(zone, at))


def _next_beat(every: Every, zone: ZoneInfo, after: datetime) -> Slot:
    anchor = datetime(2000, 1, 1, tzinfo=zone).astimezone(UTC)
    period = timedelta(seconds=every.period)
    at = anchor + ((after - anchor) // period + 1) * period
    return Slot(at, at.astimezone(zone).replace(tzinfo=None))


def _next_on_the_clock(cron: Cron, zone: ZoneInfo, after: datetime) -> Slot | None:
    for wall in walls(cron, after.astimezone(zone).replace(tzinfo=None)):
        slot = _slot_at(wall, zone)
        if slot.at > after:  # else it is the second showing of a repeated time
            return slot
    return None


def _slot_at(wall: datetime, zone: ZoneInfo) -> Slot:
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return Slot(first, wall)
    if first < second:
        return Slot(first, wall, REPEAT)
    # In a gap the two guesses lie on the two sides of the change, the wrong way round.
    change = change_between(zone, second, first)
    return Slot(change.at if change else first, wall, GAP)


def _next_elapsed(cron: Cron, zone: ZoneInfo, after: datetime) -> Slot | None:
    offset = _offset(zone, after)
    for wall in walls(cron, after.replace(tzinfo=None) + offset):
        at = (wall - offset).replace(tzinfo=UTC)
        change = change_between(zone, after, min(at, after + _A_DAY))
        if change:
            return _next_after_change(cron, zone, change)
        if slot := _elapsed(wall, at, after, zone):
            return slot
    return None


def _next_after_change(cron: Cron, zone: ZoneInfo, change: ClockChange) -> Slot | None:
    offset = change.wall_after - change.at.replace(tzinfo=None)
    for wall in walls(cron, change.wall_after - _A_SECOND):
        if slot := _elapsed(wall, (wall - offset).replace(tzinfo=UTC), change.at, zone):
            return slot
    return None


def _elapsed(wall: datetime, at: datetime, since: datetime, zone: ZoneInfo) -> Slot | None:
    """`at` is right for a day; by what comes later clocks may have changed again, or leave that time out."""
    slot = _slot_at(wall, zone) if at > since + _A_DAY else Slot(at, wall)
    return None if slot.mark == GAP else Slot(slot.at, wall, REPEAT if slot.at.astimezone(zone).fold else "")


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def walls(cron: Cron, after: datetime) -> Iterator[datetime]:
    """The times on a clock that never changes, in order, later than `after`."""
    first = after.replace(second=0, microsecond=0) + _A_MINUTE
    for year in range(first.year, min(first.year + _YEARS_AHEAD, 9999)):
        for month in cron.months:
            if (year, month) < (first.year, first.month):
                continue
            for day in days_of_month(cron, year, month):
                yield from _walls_of_day(cron, datetime(year, month, day), first)  # noqa: DTZ001 - a clock has no zone


def _walls_of_day(cron: Cron, midnight: datetime, first: datetime) -> Iterator[datetime]:
    if midnight + _A_DAY <= first:
        return
    is_first_day = midnight.date() == first.date()
    hours = cron.hours[bisect_left(cron.hours, first.hour) :] if is_first_day else cron.hours
    for hour in hours:
        is_first_hour = is_first_day and hour == first.hour
        minutes = cron.minutes[bisect_left(cron.minutes, first.minute) :] if is_first_hour else cron.minutes
        for minute in minutes:
            yield midnight.replace(hour=hour, minute=minute)
