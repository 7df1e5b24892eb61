from collections.abc import Iterable

from services.cron import meaning
from services.cron.meaning import Clock, Hourly, Minutes
from services.cron.parse import LAST, Cron, Every

_WEEKDAYS = "dushanba seshanba chorshanba payshanba juma shanba yakshanba".split()
_MONTHS = "yanvar fevral mart aprel may iyun iyul avgust sentabr oktabr noyabr dekabr".split()
_NTH = {1: "birinchi", 2: "ikkinchi", 3: "uchinchi", 4: "toʻrtinchi", 5: "beshinchi", LAST: "oxirgi"}
_UNITS = {3600: "soatda", 60: "daqiqada", 1: "soniyada"}


def every(rhythm: Every) -> str:
    size = next(size for size in _UNITS if rhythm.seconds % size == 0)
    return _sentence(_each(rhythm.seconds // size, size))


def describe(cron: Cron) -> str:
    """The verb's place is the end, so what narrows stands before what happens: days, then hours, then the rhythm."""
    clock = meaning.clock(cron)
    days = _days(cron) or _months(cron)
    if isinstance(clock, meaning.Times):
        if not _days(cron):
            days = f"{days} har kuni".strip()
        return _sentence(f"{days} soat {_list(clock.clock)} da")
    return _sentence(f"{days} {_rhythm(clock)}".strip())


def _rhythm(clock: Clock) -> str:
    if isinstance(clock, Hourly):
        if clock.windows or not clock.minute:
            return f"{_windows(clock.windows)}{_each(clock.step, 3600)}"
        hour = "har soatning" if clock.step == 1 else f"{_each(clock.step, 3600)}, soatning"
        return f"{hour} {clock.minute}-daqiqasida"
    assert isinstance(clock, Minutes)
    hours = _windows(clock.windows)
    if clock.hours:
        hours = f"kunning {_numbered(clock.hours)}soatlarida "
    if clock.listed:
        return (
            f"{hours}har soatning {_numbered(clock.listed)}{'daqiqalarida' if len(clock.listed) > 1 else 'daqiqasida'}"
        )
    rhythm = _each(clock.step, 60)
    if not clock.is_even:
        return f"{hours}har soatning {clock.first}-daqiqasidan {clock.last}-daqiqasigacha {rhythm}"
    return f"{hours}{f'soatning {clock.first}-daqiqasidan boshlab ' if clock.first else ''}{rhythm}"


def _windows(windows: tuple[tuple[str, str], ...]) -> str:
    return f"soat {_list([f'{first} dan {last} gacha' for first, last in windows])} " if windows else ""


def _days(cron: Cron) -> str:
    if meaning.is_conditional(cron):
        return f"{_days_of_month(cron)}, agar {_list(_conditions(cron), 'yoki')} boʻlsa,"
    by_day = [] if cron.any_day else [_days_of_month(cron)]
    by_weekday = [] if cron.any_weekday else [*_weekdays(cron), *_nth_weekdays(cron)]
    return ", shuningdek ".join([*by_day, *by_weekday])


def _weekdays(cron: Cron) -> list[str]:
    return [f"{_months(cron)} {_named_weekdays(cron)}".strip()] if cron.weekdays else []


def _named_weekdays(cron: Cron) -> str:
    if cron.weekdays in (meaning.WORKING_DAYS, meaning.DAYS_OFF):
        return "ish kunlari" if cron.weekdays == meaning.WORKING_DAYS else "dam olish kunlari"
    days = meaning.from_monday(cron.weekdays)
    if span := meaning.one_span(days):
        return f"{_WEEKDAYS[span[0] - 1]}dan {_WEEKDAYS[span[1] - 1]}gacha har kuni"
    if len(days) == 1:
        return f"har {_WEEKDAYS[days[0] - 1]} kuni"
    return f"{_list([_WEEKDAYS[day - 1] for day in days])} kunlari"


def _conditions(cron: Cron) -> list[str]:
    plain = [_WEEKDAYS[day - 1] for day in meaning.from_monday(cron.weekdays)]
    if cron.weekdays == meaning.WORKING_DAYS:
        plain = ["ish kuni"]
    return [*plain, *(f"oyning {_NTH[nth]} {_WEEKDAYS[day - 1]}si" for day, nth in cron.nth_weekdays)]


def _nth_weekdays(cron: Cron) -> list[str]:
    return [f"{_of_month(cron)} {_NTH[nth]} {_WEEKDAYS[day - 1]}sida" for day, nth in cron.nth_weekdays]


def _days_of_month(cron: Cron) -> str:
    special = [
        *(["oxirgi kuni"] if cron.on_last_day else []),
        *(["oxirgi ish kuni"] if cron.on_last_working_day else []),
    ]
    if step := meaning.day_stride(cron):
        return f"{_of_month(cron)} {cron.days[0]}-kunidan boshlab har {step}-kuni"
    if len(cron.days) == 1 and not special and len(cron.months) == 1:
        return f"{cron.days[0]}-{_MONTHS[cron.months[0] - 1]} kuni"
    if (span := meaning.one_span(cron.days)) and not special:
        return f"{_of_month(cron)} {span[0]}-kunidan {span[1]}-kunigacha"
    days = [f"{_numbered(cron.days)}{'kunlari' if len(cron.days) > 1 else 'kuni'}"] if cron.days else []
    return f"{_of_month(cron)} {_list([*days, *special])}"


def _of_month(cron: Cron) -> str:
    if len(cron.months) == 12:
        return "har oyning"
    return f"{_month_names(cron)} {'oyining' if len(cron.months) == 1 else 'oylarining'}"


def _months(cron: Cron) -> str:
    if len(cron.months) == 12:
        return ""
    return f"{_month_names(cron)} {'oyida' if len(cron.months) == 1 else 'oylarida'}"


def _month_names(cron: Cron) -> str:
    if span := meaning.one_span(cron.months):
        return f"{_MONTHS[span[0] - 1]}–{_MONTHS[span[1] - 1]}"
    return _list([_MONTHS[month - 1] for month in cron.months])


def _numbered(numbers: tuple[int, ...]) -> str:
    """1-, 10- va 15-; the noun follows without a space only after the last hyphen."""
    return _list([f"{number}-" for number in numbers])


def _each(number: int, size: int) -> str:
    return f"har {_UNITS[size]}" if number == 1 else f"har {number} {_UNITS[size]}"


def _list(items: Iterable[object], last: str = "va") -> str:
    texts = [str(item) for item in items]
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}" if len(texts) > 1 else texts[0]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
