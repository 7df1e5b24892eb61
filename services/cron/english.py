from collections.abc import Iterable

from services.cron import meaning
from services.cron.meaning import Clock, Hourly, Minutes
from services.cron.parse import LAST, Cron, Every

_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = "January February March April May June July August September October November December".split()
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", LAST: "last"}


def every(rhythm: Every) -> str:
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if rhythm.seconds % size == 0:
            return f"Every {_count(rhythm.seconds // size, unit)}"
    raise AssertionError("everything is a multiple of one second")


def describe(cron: Cron) -> str:
    clock = meaning.clock(cron)
    if isinstance(clock, meaning.Times):
        days = _days(cron, leading=True) or f"every day{_months(cron)}"
        return _sentence(f"{days}{',' if meaning.is_conditional(cron) else ''} at {_list(clock.clock)}")
    days = _days(cron, leading=False) or _months(cron).strip()
    return _sentence(", ".join(filter(None, [_rhythm(clock), days])))


def _rhythm(clock: Clock) -> str:
    if isinstance(clock, Hourly):
        minute = f" at minute {clock.minute}" if clock.minute and not clock.windows else ""
        return f"every {_count(clock.step, 'hour')}{minute}{_windows(clock.windows)}"
    assert isinstance(clock, Minutes)
    hours = _windows(clock.windows)
    if clock.hours:
        hours = f" in the hours {_list(clock.hours)}"
    if clock.listed:
        minutes = f"minutes {_list(clock.listed)}" if len(clock.listed) > 1 else f"minute {clock.listed[0]}"
        return f"at {minutes} of every hour{hours}"
    rhythm = f"every {_count(clock.step, 'minute')}"
    if not clock.is_even:
        return f"{rhythm} from minute {clock.first} to minute {clock.last} of every hour{hours}"
    return f"{rhythm}{f' from minute {clock.first} of the hour' if clock.first else ''}{hours}"


def _windows(windows: tuple[tuple[str, str], ...]) -> str:
    return " " + _list([f"from {first} to {last}" for first, last in windows]) if windows else ""


def _days(cron: Cron, *, leading: bool) -> str:
    """Leading: “every Monday at …”; following: “every hour, on Mondays”."""
    if meaning.is_conditional(cron):
        return f"{_days_of_month(cron)}, if it is {_list(_conditions(cron), 'or')}"
    by_day = [] if cron.any_day else [_days_of_month(cron)]
    by_weekday = [] if cron.any_weekday else [*_weekdays(cron, leading=leading), *_nth_weekdays(cron)]
    return " and also ".join([*by_day, *by_weekday])


def _weekdays(cron: Cron, *, leading: bool) -> list[str]:
    if not cron.weekdays:
        return []
    if cron.weekdays == meaning.WORKING_DAYS:
        return [f"{'every weekday' if leading else 'on weekdays'}{_months(cron)}"]
    days = meaning.from_monday(cron.weekdays)
    if span := meaning.one_span(days):
        return [f"from {_WEEKDAYS[span[0] - 1]} to {_WEEKDAYS[span[1] - 1]}{_months(cron)}"]
    names = [_WEEKDAYS[day - 1] for day in days]
    days_named = f"every {_list(names)}" if leading else f"on {_list([f'{name}s' for name in names])}"
    return [days_named + _months(cron)]


def _conditions(cron: Cron) -> list[str]:
    plain = [f"a {_WEEKDAYS[day - 1]}" for day in meaning.from_monday(cron.weekdays)]
    if cron.weekdays == meaning.WORKING_DAYS:
        plain = ["a weekday"]
    return [*plain, *(f"the {_NTH[nth]} {_WEEKDAYS[day - 1]}" for day, nth in cron.nth_weekdays)]


def _nth_weekdays(cron: Cron) -> list[str]:
    return [f"on the {_NTH[nth]} {_WEEKDAYS[day - 1]} {_of_month(cron)}" for day, nth in cron.nth_weekdays]


def _days_of_month(cron: Cron) -> str:
    special = [
        *(["the last day"] if cron.on_last_day else []),
        *(["the last working day"] if cron.on_last_working_day else []),
    ]
    if step := meaning.day_stride(cron):
        months = "of the month" if len(cron.months) == 12 else _of_month(cron)
        return f"on every {_ordinal(step)} day {months} from the {_ordinal(cron.days[0])}"
    if len(cron.days) == 1 and not special and len(cron.months) == 1:
        return f"on {cron.days[0]} {_MONTHS[cron.months[0] - 1]}"
    if (span := meaning.one_span(cron.days)) and not special:
        return f"from the {_ordinal(span[0])} to the {_ordinal(span[1])} {_of_month(cron)}"
    days = [f"the {_ordinal(cron.days[0])}", *map(_ordinal, cron.days[1:])] if cron.days else []
    return f"on {_list([*days, *special])} {_of_month(cron)}"


def _of_month(cron: Cron) -> str:
    if len(cron.months) == 12:
        return "of every month"
    if span := meaning.one_span(cron.months):
        return f"of every month from {_MONTHS[span[0] - 1]} to {_MONTHS[span[1] - 1]}"
    return f"of {_list([_MONTHS[month - 1] for month in cron.months])}"


def _months(cron: Cron) -> str:
    if len(cron.months) == 12:
        return ""
    if span := meaning.one_span(cron.months):
        return f" from {_MONTHS[span[0] - 1]} to {_MONTHS[span[1] - 1]}"
    return f" in {_list([_MONTHS[month - 1] for month in cron.months])}"


def _count(number: int, unit: str) -> str:
    return unit if number == 1 else f"{number} {unit}s"


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _list(items: Iterable[object], last: str = "and") -> str:
    texts = [str(item) for item in items]
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}" if len(texts) > 1 else texts[0]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
