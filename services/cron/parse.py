"""Five-field cron, `@daily` and its like, `every 20 minutes`: from text to what it means.

What is wrong is said together with the field it is wrong in, so that a form can point at it.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from services.errors import Invalid

MINUTE, HOUR, DAY, MONTH, WEEKDAY = range(5)
LAST = -1  # the last weekday of its kind in a month, where others are the first to the fifth
LONGEST_TEXT = 100
LONGEST_PERIOD = 7 * 24 * 3600
SHORTEST_PERIOD = 60

_RANGES = (range(60), range(24), range(1, 32), range(1, 13), range(8))
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()
_NAMES: dict[int, dict[str, int]] = {
    MONTH: {name: number for number, name in enumerate(_MONTHS, 1)},
    WEEKDAY: {name: number for number, name in enumerate(_WEEKDAYS)},
}
_WORDS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
# "every 5 minutes", "каждые 5 минут", "har 5 daqiqada"; without a number, one.
_EVERY = re.compile(
    r"(?:every|кажд(?:ый|ая|ую|ые)|har)\s+(?:(?P<count>[0-9]{1,6})\s*)?(?P<unit>[a-zа-я]+)", re.IGNORECASE
)
_UNITS = {
    1: r"s|secs?|seconds?|секунд[уы]?|soniyada|soniya",
    60: r"min|mins|minutes?|минут[уы]?|мин|daqiqada|daqiqa|minutda|minut",
    3600: r"h|hours?|час(?:а|ов)?|soatda|soat",
}


class CronError(Invalid):
    """`part` is the index of the field at fault, 0 to 4; none when the expression as a whole is."""

    def __init__(self, message: str, part: int | None = None, **params: Any) -> None:
        super().__init__(message, field="cron", **params)
        self.part = part


@dataclass(frozen=True)
class Cron:
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]  # Sunday is 0
    nth_weekdays: tuple[tuple[int, int], ...] = ()  # (weekday, 1 to 5 or LAST)
    on_last_day: bool = False
    on_last_working_day: bool = False
    # As cron has always done it: where both day fields say something, one of them is enough,
    # but a field that begins with a star only narrows the other.
    both_days: bool = True

    @property
    def any_day(self) -> bool:
        return len(self.days) == 31

    @property
    def any_weekday(self) -> bool:
        return len(self.weekdays) == 7

    @property
    def all_day_long(self) -> bool:
        return len(self.hours) == 24

    def falls_on(self, day: date) -> bool:
        by_day, by_weekday = self._is_day(day), self._is_weekday(day)
        return (by_day and by_weekday) if self.both_days else (by_day or by_weekday)

    def _is_day(self, day: date) -> bool:
        if day.day in self.days:
            return True
        if not (self.on_last_day or self.on_last_working_day):
            return False
        last = calendar.monthrange(day.year, day.month)[1]
        return (self.on_last_day and day.day == last) or (
            self.on_last_working_day and day.day == last - max(0, date(day.year, day.month, last).weekday() - 4)
        )

    def _is_weekday(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        if weekday in self.weekdays:
            return True
        if not self.nth_weekdays:
            return False
        is_last = day.day + 7 > calendar.monthrange(day.year, day.month)[1]
        return (weekday, (day.day + 6) // 7) in self.nth_weekdays or (is_last and (weekday, LAST) in self.nth_weekdays)


@dataclass(frozen=True)
class Every:
    """A plain rhythm that no cron field can say, such as every 45 minutes."""

    seconds: int

    @property
    def period(self) -> int:
        """What comes of it: nothing runs more often than once a minute."""
        return max(SHORTEST_PERIOD, self.seconds)


Expression = Cron | Every


@dataclass(frozen=True)
class _Field:
    values: tuple[int, ...] = ()
    nth: tuple[tuple[int, int], ...] = ()
    last_day: bool = False
    last_working_day: bool = False

    def __add__(self, other: "_Field") -> "_Field":
        return _Field(
            tuple(sorted({*self.values, *other.values})), tuple(sorted({*self.nth, *other.nth})),
            self.last_day or other.last_day, self.last_working_day or other.last_working_day,
        )  # fmt: skip


@lru_cache(maxsize=2048)
def parse(text: str) -> Expression:
    text = " ".join(text.split())
    if not text:
        raise CronError("Say when to run: five fields, a word like @daily, or “every 15 minutes”.")
    if len(text) > LONGEST_TEXT:
        raise CronError("The expression is longer than %(most)s characters.", most=LONGEST_TEXT)
    if text.startswith("@"):
        return _cron(_word(text))
    if rhythm := _EVERY.fullmatch(text):
        return _rhythm(int(rhythm["count"] or 1), rhythm["unit"].lower())
    return _cron(text)


def parts(text: str) -> list[str]:
    """The five fields as they will be read, or the text itself where it has no fields."""
    text = " ".join(text.split())
    return _WORDS.get(text.lower(), text).upper().split()


def _word(text: str) -> str:
    if text.lower() not in _WORDS:
        raise CronError(
            "There is no word %(word)s. There are @hourly, @daily, @weekly, @monthly and @yearly.", word=text
        )
    return _WORDS[text.lower()]


def _rhythm(count: int, unit: str) -> Expression:
    size = next((size for size, names in _UNITS.items() if re.fullmatch(names, unit)), 0)
    if not size:
        raise CronError("“%(unit)s” is no unit here: say minutes or hours.", unit=unit)
    seconds = count * size
    if not 1 <= seconds <= LONGEST_PERIOD:
        raise CronError("A rhythm is between one second and seven days.")
    # What divides the hour or the day evenly is said in cron, so that it stands on round times of the clock.
    if seconds % 60 == 0 and 3600 % seconds == 0:
        return _cron(f"*/{seconds // 60} * * * *" if seconds < 3600 else "0 * * * *")
    if seconds % 3600 == 0 and 86400 % seconds == 0:
        return _cron(f"0 */{seconds // 3600} * * *" if seconds < 86400 else "0 0 * * *")
    return Every(seconds)


def _cron(text: str) -> Cron:
    texts = text.upper().split()
    if len(texts) != 5:
        raise CronError(
            "Five fields are needed: minute, hour, day, month, weekday. Here there are %(count)s.", count=len(texts)
        )
    minute, hour, day, month, weekday = (_field(part, term) for part, term in enumerate(texts))
    both = texts[DAY][0] in "*?" or texts[WEEKDAY][0] in "*?"
    weekdays = tuple(sorted({value % 7 for value in weekday.values}))
    if not both and (len(day.values) == 31 or len(weekdays) == 7):  # "1-31" or "0-6": one of them always holds
        day, weekdays, weekday, both = _Field(tuple(_RANGES[DAY])), tuple(range(7)), _Field(), True
    cron = Cron(
        minute.values, hour.values, day.values, month.values, weekdays, weekday.nth,
        day.last_day, day.last_working_day, both,
    )  # fmt: skip
    if not _ever(cron):
        raise CronError("There is no such day in these months: it would never run.", DAY)
    return cron


def _field(part: int, text: str) -> _Field:
    field = _Field()
    for term in text.split(","):
        if not term:
            raise CronError("There is a comma too many in “%(value)s”.", part, value=text)
        field += _term(part, term)
    return field


def _term(part: int, term: str) -> _Field:
    if part == DAY and term in ("L", "LW"):
        return _Field(last_day=term == "L", last_working_day=term == "LW")
    if part == DAY and term.startswith("L"):
        raise _misfit(part, term)  # whole: of “L-3” the L alone would be right
    if part == WEEKDAY and "#" in term:
        weekday, _, nth = term.partition("#")
        if nth not in ("1", "2", "3", "4", "5"):
            raise CronError(
                "After # stands 1 to 5, as in MON#2 for the second Monday; here it is “%(value)s”.", part, value=nth
            )
        return _Field(nth=((_number(part, weekday) % 7, int(nth)),))
    if part == WEEKDAY and len(term) > 1 and term.endswith("L"):
        return _Field(nth=((_number(part, term[:-1]) % 7, LAST),))
    body, slash, step = term.partition("/")
    values = _range(part, body, to_the_end=bool(slash))
    return _Field(tuple(values[:: _step(part, step)] if slash else values))


def _range(part: int, body: str, *, to_the_end: bool) -> range:
    # The weekdays end with 7, a second name for Sunday; a star means each of them once.
    everything = range(7) if part == WEEKDAY else _RANGES[part]
    if body == "*" or (body == "?" and part in (DAY, WEEKDAY)):
        return everything
    first_text, dash, last_text = body.partition("-")
    first = _number(part, first_text)
    if not dash:
        return range(first, everything[-1] + 1) if to_the_end and first in everything else range(first, first + 1)
    last = _number(part, last_text)
    if part == WEEKDAY and last == 0 and first:
        last = 7  # FRI-SUN
    if last < first:
        raise CronError("The range “%(value)s” runs backwards.", part, value=body)
    return range(first, last + 1)


def _number(part: int, text: str) -> int:
    named = _NAMES.get(part, {}).get(text)
    if named is not None:
        return named
    value = int(text) if re.fullmatch(r"[0-9]{1,3}", text) else -1
    if value not in _RANGES[part]:
        raise _misfit(part, text)
    return value


def _step(part: int, text: str) -> int:
    step = int(text) if re.fullmatch(r"[0-9]{1,3}", text) else 0
    if not step:
        raise CronError("After / stands a step of 1 or more, as in */15; here it is “%(value)s”.", part, value=text)
    return step


def _misfit(part: int, value: str) -> CronError:
    return (
        CronError("A minute is 0 to 59, not “%(value)s”.", part, value=value),
        CronError("An hour is 0 to 23, not “%(value)s”.", part, value=value),
        CronError("A day is 1 to 31, L (the last) or LW (the last working day), not “%(value)s”.", part, value=value),
        CronError("A month is 1 to 12 or JAN to DEC, not “%(value)s”.", part, value=value),
        CronError("A weekday is 0 to 7 or SUN to SAT, where 0 and 7 are Sunday, not “%(value)s”.", part, value=value),
    )[part]


@lru_cache(maxsize=4096)
def days_of_month(cron: Cron, year: int, month: int) -> tuple[int, ...]:
    if month not in cron.months:
        return ()
    return tuple(
        day for day in range(1, calendar.monthrange(year, month)[1] + 1) if cron.falls_on(date(year, month, day))
    )


def _ever(cron: Cron) -> bool:
    """29 February falls on each weekday within forty years, whatever century."""
    return any(days_of_month(cron, year, month) for year in range(2000, 2041) for month in cron.months)
