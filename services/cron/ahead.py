"""What the next clock change that matters does to an expression's times: moves, skips or repeats them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from services.cron.parse import Cron, Every, Expression
from services.cron.times import GAP, REPEAT, ClockChange, change_between, next_slot, slots, walls

APART, SHIFT = "apart", "shift"
_A_DAY, _AN_HOUR = timedelta(days=1), timedelta(hours=1)
_A_MINUTE, _AN_INSTANT = timedelta(minutes=1), timedelta(microseconds=1)
_STEP = timedelta(days=7)  # no zone changes its clocks twice within it
_LONGEST_PAUSE = timedelta(hours=3)  # of an expression that names no hours, on a day that has some of its times


@dataclass(frozen=True)
class Effect:
    """`times`, on the clock: with GAP those that do not exist and with REPEAT those that come twice; with APART the two around
    the change; with SHIFT when it would have run and when it does from then on."""

    kind: str
    change: ClockChange
    times: list[datetime]
    apart: timedelta = timedelta()


def next_effect(expression: Expression, zone: ZoneInfo, after: datetime, until: datetime) -> Effect | None:
    found = (_effect(expression, zone, change) for change in _changes(zone, after, until))
    return next(filter(None, found), None)


def _changes(zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[ClockChange]:
    while after < until:
        if change := change_between(zone, after, min(after + _STEP, until)):
            yield change
        after += _STEP


def _effect(expression: Expression, zone: ZoneInfo, change: ClockChange) -> Effect | None:
    if isinstance(expression, Every):
        return _on_a_beat(expression, zone, change)
    if expression.all_day_long:
        return _on_elapsed_time(expression, zone, change)
    return _on_the_clock(expression, change)


def _on_the_clock(cron: Cron, change: ClockChange) -> Effect | None:
    first, end = sorted((change.wall_before, change.wall_after))
    touched = list(takewhile(lambda wall: wall < end, walls(cron, first - _A_MINUTE)))
    kind = GAP if change.is_forward else REPEAT
    return Effect(kind, change, touched) if touched else None


def _on_elapsed_time(cron: Cron, zone: ZoneInfo, change: ClockChange) -> Effect | None:
    """At least once an hour it comes, on days that it has. It goes on evenly, unless the clocks move by less than its times are
    apart."""
    before = list(takewhile(lambda slot: slot.at < change.at, slots(cron, zone, change.at - _AN_HOUR - _AN_INSTANT)))
    after = next_slot(cron, zone, change.at - _AN_INSTANT)
    if not before or not after or after.at - before[-1].at > _LONGEST_PAUSE:
        return None
    last = before[-1]
    usual, apart = next(walls(cron, last.wall)) - last.wall, after.at - last.at
    return Effect(APART, change, [last.wall, after.wall], apart) if apart != usual else None


def _on_a_beat(every: Every, zone: ZoneInfo, change: ClockChange) -> Effect | None:
    """A rhythm that comes at the same times each day does so no longer; the times of others wander anyway."""
    period, shift = timedelta(seconds=every.period), change.wall_after - change.wall_before
    is_daily = not _A_DAY % period or not period % _A_DAY
    if not is_daily or not shift % period:
        return None
    slot = next_slot(every, zone, change.at - _AN_INSTANT)
    assert slot
    return Effect(SHIFT, change, [slot.wall - shift, slot.wall])
