"""What a person would call the fields of an expression: fixed times, a rhythm, spans. Each language then says it its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.cron.parse import Cron

Span = tuple[int, int]
MOST_TIMES = 6  # more than that is a pattern, not a list
WORKING_DAYS, DAYS_OFF = (1, 2, 3, 4, 5), (0, 6)


@dataclass(frozen=True)
class Times:
    """At these times of the day."""

    clock: tuple[str, ...]


@dataclass(frozen=True)
class Hourly:
    """Every so many hours, at a minute of the hour; within windows of the day, or around the clock."""

    step: int
    minute: int
    windows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Minutes:
    """Every so many minutes of the hour from the first to the last, or these minutes of it."""

    step: int = 0
    first: int = 0
    last: int = 59
    listed: tuple[int, ...] = ()
    windows: tuple[tuple[str, str], ...] = ()
    hours: tuple[int, ...] = ()

    @property
    def is_even(self) -> bool:
        """The rhythm runs on over the full hour."""
        return not self.listed and self.first < self.step and self.last + self.step == 60 + self.first


Clock = Times | Hourly | Minutes


def clock(cron: Cron) -> Clock:
    minutes, hours = cron.minutes, cron.hours
    if len(minutes) == 1 and (rhythm := _hourly(hours, minutes[0])):
        return rhythm
    if len(minutes) * len(hours) <= MOST_TIMES or (len(minutes) == 1 and not cron.all_day_long):
        return Times(tuple(time(hour, minute) for hour in hours for minute in minutes))
    windows, listed_hours = _hours(hours)
    step = stride(minutes)
    # A short list reads better as a list, unless it goes around the hour.
    if step and (len(minutes) > 3 or step * len(minutes) == 60):
        return Minutes(step, minutes[0], minutes[-1], windows=windows, hours=listed_hours)
    return Minutes(listed=minutes, windows=windows, hours=listed_hours)


def _hourly(hours: tuple[int, ...], minute: int) -> Hourly | None:
    step = stride(hours)
    if step and step * len(hours) == 24 and hours[0] == 0:
        return Hourly(step, minute)
    if step and len(hours) > 3:
        return Hourly(step, minute, ((time(hours[0], minute), time(hours[-1], minute)),))
    runs = spans(hours)
    if len(hours) > MOST_TIMES and len(runs) <= 3 and all(first < last for first, last in runs):
        return Hourly(1, minute, tuple((time(first, minute), time(last, minute)) for first, last in runs))
    return None


def _hours(hours: tuple[int, ...]) -> tuple[tuple[tuple[str, str], ...], tuple[int, ...]]:
    """As windows of the day, or listed where they are too scattered for that."""
    runs = spans(hours)
    if runs == [(0, 23)]:
        return (), ()
    if len(runs) > 3:
        return (), hours
    return tuple((time(first, 0), time(last, 59)) for first, last in runs), ()


def time(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"


def spans(values: Sequence[int]) -> list[Span]:
    """1, 2, 3, 7 → 1–3, 7–7."""
    found: list[Span] = []
    for value in values:
        if found and found[-1][1] == value - 1:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    return found


def stride(values: Sequence[int]) -> int:
    """The step from each value to the next if it is always the same, else 0."""
    steps = {after - before for before, after in pairwise(values)}
    return steps.pop() if len(steps) == 1 else 0


def is_conditional(cron: Cron) -> bool:
    """Both day fields have to hold: the days of the month, if they are such weekdays."""
    return cron.both_days and not cron.any_day and not cron.any_weekday


def from_monday(weekdays: Sequence[int]) -> list[int]:
    """In the order of a calendar: Monday first, Sunday as 7."""
    return sorted(weekday or 7 for weekday in weekdays)


def one_span(values: Sequence[int]) -> Span | None:
    """Three and more in a row."""
    runs = spans(values)
    return runs[0] if len(runs) == 1 and len(values) > 2 else None


def day_stride(cron: Cron) -> int:
    """Every second or third day of the month, to its end."""
    step = stride(cron.days)
    return step if step > 1 and len(cron.days) > 3 and cron.days[-1] + step > 31 else 0
