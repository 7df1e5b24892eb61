from collections.abc import Iterable

from services.cron import meaning
from services.cron.meaning import Clock, Hourly, Minutes
from services.cron.parse import LAST, Cron, Every

# Each weekday with its gender, in the cases the sentences need: в среду, по средам, с среды, по среду.
_WEEKDAY_ACCUSATIVE = "понедельник вторник среду четверг пятницу субботу воскресенье".split()
_WEEKDAY_DATIVE = "понедельникам вторникам средам четвергам пятницам субботам воскресеньям".split()
_WEEKDAY_GENITIVE = "понедельника вторника среды четверга пятницы субботы воскресенья".split()
_WEEKDAY_NOMINATIVE = "понедельник вторник среда четверг пятница суббота воскресенье".split()
_GENDERS = "mmfmffn"
_NTH = {
    1: {"m": "первый", "f": "первую", "n": "первое"},
    2: {"m": "второй", "f": "вторую", "n": "второе"},
    3: {"m": "третий", "f": "третью", "n": "третье"},
    4: {"m": "четвёртый", "f": "четвёртую", "n": "четвёртое"},
    5: {"m": "пятый", "f": "пятую", "n": "пятое"},
    LAST: {"m": "последний", "f": "последнюю", "n": "последнее"},
}
_MONTH_GENITIVE = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря".split()
_MONTH_LOCATIVE = "январе феврале марте апреле мае июне июле августе сентябре октябре ноябре декабре".split()
_MONTH_ACCUSATIVE = "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь".split()
_UNITS = {
    3600: ("каждый час", ("час", "часа", "часов")),
    60: ("каждую минуту", ("минуту", "минуты", "минут")),
    1: ("каждую секунду", ("секунду", "секунды", "секунд")),
}


def every(rhythm: Every) -> str:
    size = next(size for size in _UNITS if rhythm.seconds % size == 0)
    return _sentence(_each(rhythm.seconds // size, size))


def describe(cron: Cron) -> str:
    clock, months = meaning.clock(cron), _months(cron)
    days = _days(cron)
    if isinstance(clock, meaning.Times):
        if not days:
            days = f"{months} каждый день".strip()
        return _sentence(f"{days}{',' if meaning.is_conditional(cron) else ''} в {_list(clock.clock)}")
    return _sentence(", ".join(filter(None, [_rhythm(clock), days or months])))


def _rhythm(clock: Clock) -> str:
    if isinstance(clock, Hourly):
        minute = f" на {clock.minute}-й минуте" if clock.minute and not clock.windows else ""
        return f"{_each(clock.step, 3600)}{minute}{_windows(clock.windows)}"
    assert isinstance(clock, Minutes)
    hours = _windows(clock.windows)
    if clock.hours:
        hours = f" в часы {_list(clock.hours)}"
    if clock.listed:
        return f"на {_list(f'{minute}-й' for minute in clock.listed)} минуте каждого часа{hours}"
    if not clock.is_even:
        return f"{_each(clock.step, 60)} {_from(clock.first)}-й по {clock.last}-ю минуту каждого часа{hours}"
    start = f", начиная {_from(clock.first)}-й минуты часа" if clock.first else ""
    return f"{_each(clock.step, 60)}{hours}{start}"


def _windows(windows: tuple[tuple[str, str], ...]) -> str:
    return " " + _list([f"с {first} до {last}" for first, last in windows]) if windows else ""


def _days(cron: Cron) -> str:
    if meaning.is_conditional(cron):
        return f"{_days_of_month(cron)}, если это {_list(_conditions(cron), 'или')}"
    by_day = [] if cron.any_day else [_days_of_month(cron)]
    by_weekday = [] if cron.any_weekday else [*_weekdays(cron), *_nth_weekdays(cron)]
    return ", а также ".join([*by_day, *by_weekday])


def _weekdays(cron: Cron) -> list[str]:
    return [f"{_months(cron)} {_named_weekdays(cron)}".strip()] if cron.weekdays else []


def _named_weekdays(cron: Cron) -> str:
    if cron.weekdays in (meaning.WORKING_DAYS, meaning.DAYS_OFF):
        return "по будням" if cron.weekdays == meaning.WORKING_DAYS else "по выходным"
    days = meaning.from_monday(cron.weekdays)
    if span := meaning.one_span(days):
        start = _WEEKDAY_GENITIVE[span[0] - 1]
        return f"{'со' if start[:2] in ('вт', 'ср') else 'с'} {start} по {_WEEKDAY_ACCUSATIVE[span[1] - 1]}"
    return f"по {_list([_WEEKDAY_DATIVE[day - 1] for day in days])}"


def _conditions(cron: Cron) -> list[str]:
    plain = [_WEEKDAY_NOMINATIVE[day - 1] for day in meaning.from_monday(cron.weekdays)]
    if cron.weekdays == meaning.WORKING_DAYS:
        plain = ["будний день"]
    nominative = {"первую": "первая", "вторую": "вторая", "третью": "третья", "четвёртую": "четвёртая",
                  "пятую": "пятая", "последнюю": "последняя"}  # fmt: skip
    for day, nth in cron.nth_weekdays:
        which = _NTH[nth][_GENDERS[day - 1]]
        plain.append(f"{nominative.get(which, which)} {_WEEKDAY_NOMINATIVE[day - 1]} месяца")
    return plain


def _nth_weekdays(cron: Cron) -> list[str]:
    return [
        f"{'во' if nth == 2 else 'в'} {_NTH[nth][_GENDERS[day - 1]]} {_WEEKDAY_ACCUSATIVE[day - 1]} {_of_month(cron)}"
        for day, nth in cron.nth_weekdays
    ]


def _days_of_month(cron: Cron) -> str:
    special = [
        *(["в последний день"] if cron.on_last_day else []),
        *(["в последний рабочий день"] if cron.on_last_working_day else []),
    ]
    if step := meaning.day_stride(cron):
        months = "месяца" if len(cron.months) == 12 else _of_month(cron)
        return f"каждый {step}-й день {months} {_from(cron.days[0])}-го числа"
    if len(cron.days) == 1 and not special and len(cron.months) == 1:
        return f"{cron.days[0]} {_MONTH_GENITIVE[cron.months[0] - 1]}"
    if (span := meaning.one_span(cron.days)) and not special:
        return f"{_from(span[0])}-го по {span[1]}-е число {_of_month(cron)}"
    days = [f"{_list([f'{day}-го' for day in cron.days])} числа"] if cron.days else []
    return f"{_list([*days, *special])} {_of_month(cron)}"


def _of_month(cron: Cron) -> str:
    if len(cron.months) == 12:
        return "каждого месяца"
    if span := meaning.one_span(cron.months):
        return f"каждого месяца с {_MONTH_GENITIVE[span[0] - 1]} по {_MONTH_ACCUSATIVE[span[1] - 1]}"
    return _list([_MONTH_GENITIVE[month - 1] for month in cron.months])


def _months(cron: Cron) -> str:
    if len(cron.months) == 12:
        return ""
    if span := meaning.one_span(cron.months):
        return f"с {_MONTH_GENITIVE[span[0] - 1]} по {_MONTH_ACCUSATIVE[span[1] - 1]}"
    return f"в {_list([_MONTH_LOCATIVE[month - 1] for month in cron.months])}"


def _from(number: int) -> str:
    """Со 2-го, but с 12-го and с 22-го."""
    return f"{'со' if number == 2 else 'с'} {number}"


def _each(number: int, size: int) -> str:
    alone, forms = _UNITS[size]
    return alone if number == 1 else f"каждые {number} {_plural(number, forms)}"


def _plural(number: int, forms: tuple[str, str, str]) -> str:
    if number % 10 == 1 and number % 100 != 11:
        return forms[0]
    return forms[1] if 1 < number % 10 < 5 and not 11 < number % 100 < 15 else forms[2]


def _list(items: Iterable[object], last: str = "и") -> str:
    texts = [str(item) for item in items]
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}" if len(texts) > 1 else texts[0]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
