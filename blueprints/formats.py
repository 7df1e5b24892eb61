"""How values look to the reader: their language, their time zone, their separators."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import dates, numbers
from flask import Flask
from flask_babel import get_locale, get_timezone
from flask_babel import gettext as _
from jinja2 import Undefined

from models.execution import Execution

Number = int | float
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NOTHING = "—"
JOINT = "\u00a0"  # a number and its unit stay on one line


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(
        {
            "relative": relative,
            "datetime": date_time,
            "date": date,
            "clock": clock,
            "moment": moment,
            "iso": iso,
            "duration": duration,
            "duration_parts": duration_parts,
            "number": number,
            "percent": percent,
            "bytes": byte_size,
            "bytes_parts": byte_size_parts,
            "json": as_json,
            "axis_top": axis_top,
            "field_text": field_text,
            "option_lines": option_lines,
            "short_id": short_id,
        }
    )


# --- time ---------------------------------------------------------------------------------------


def relative(instant: datetime | None, now: datetime | None = None) -> str:
    """“2 min. ago”, “in 3 hr.”; farther than a week away, the date says more."""
    if instant is None:
        return NOTHING
    gap = _aware(instant) - (now or datetime.now(UTC))
    if abs(gap) < timedelta(seconds=45):
        return _("just now") if gap <= timedelta(0) else _("in a moment")
    if abs(gap) > timedelta(days=7):
        return moment(instant, now)
    return dates.format_timedelta(
        gap, "minute", threshold=0.95, add_direction=True, format="short", locale=get_locale()
    )


def moment(instant: datetime | None, now: datetime | None = None) -> str:
    """The shortest text that is exact enough in a list: time today, day and time this year, else the date."""
    if instant is None:
        return NOTHING
    day, today = _local(instant).date(), _local(now or datetime.now(UTC)).date()
    if day == today:
        return _("today %(time)s", time=clock(instant))
    if day == today - timedelta(days=1):
        return _("yesterday %(time)s", time=clock(instant))
    return _formatted(instant, "d MMM HH:mm" if day.year == today.year else "d MMM y")


def date_time(instant: datetime | None) -> str:
    return _formatted(instant, "d MMM y HH:mm:ss")


def date(instant: datetime | None) -> str:
    return _formatted(instant, "d MMM y")


def clock(instant: datetime | None, pattern: str = "HH:mm", zone: str | None = None) -> str:
    """Time of day; logs want `clock('HH:mm:ss.SSS')`. In a zone other than the reader's, if told."""
    return _formatted(instant, pattern, zone)


def iso(instant: datetime) -> str:
    """For `<time datetime>`: UTC, whatever the reader's zone."""
    return _aware(instant).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _formatted(instant: datetime | None, pattern: str, zone: str | None = None) -> str:
    if instant is None:
        return NOTHING
    locale = get_locale()
    if locale and locale.language == "uz":  # 5-may, 2026
        pattern = re.sub("d (MMM+) y", r"d-\1, y", pattern).replace("d MMM", "d-MMM")
    return dates.format_datetime(_local(instant, zone), pattern, locale=locale)


def _local(instant: datetime, zone: str | None = None) -> datetime:
    return _aware(instant).astimezone(ZoneInfo(zone) if zone else get_timezone())


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


# --- amounts ------------------------------------------------------------------------------------


def duration_parts(milliseconds: Number | None) -> tuple[str, str]:
    """Amount and unit apart, for figures that set the unit smaller."""
    if milliseconds is None:
        return NOTHING, ""
    if milliseconds < SECOND:
        return number(round(milliseconds)), _("ms")
    if milliseconds < MINUTE:
        digits = "0.00" if milliseconds < 10 * SECOND else "0.0"
        return numbers.format_decimal(milliseconds / SECOND, digits, locale=get_locale()), _("s")
    size, unit = next((size, unit) for size, unit in _long_units() if milliseconds >= size)
    return number(round(milliseconds / size, 1)), unit


def duration(milliseconds: Number | None) -> str:
    """“412 ms”, “2.10 s”, “1 min 12 s”, “3 h 5 min”."""
    if milliseconds is None or milliseconds < MINUTE:
        return JOINT.join(part for part in duration_parts(milliseconds) if part)
    rest, words = int(milliseconds), []
    for size, unit in (*_long_units(), (SECOND, _("s"))):
        whole, rest = divmod(rest, size)
        if whole:
            words.append(f"{number(whole)}{JOINT}{unit}")
    return " ".join(words[:2])


def _long_units() -> tuple[tuple[int, str], ...]:
    return (DAY, _("d")), (HOUR, _("h")), (MINUTE, _("min"))


def byte_size_parts(size: Number | None) -> tuple[str, str]:
    if size is None:
        return NOTHING, ""
    units = (_("B"), _("KB"), _("MB"), _("GB"))
    power = 0
    while size >= 1024 and power < len(units) - 1:
        size, power = size / 1024, power + 1
    return number(round(size) if power == 0 or size >= 100 else round(size, 1)), units[power]


def byte_size(size: Number | None) -> str:
    return JOINT.join(part for part in byte_size_parts(size) if part)


def number(value: Number | None) -> str:
    return NOTHING if value is None else numbers.format_decimal(value, locale=get_locale())


def percent(share: Number | None) -> str:
    """0.9642 → “96.4%”."""
    return NOTHING if share is None else numbers.format_percent(share, "#,##0.#%", locale=get_locale())


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON to be read by people: letters stay letters. For scripts there is `tojson`."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def field_text(value: Any) -> str:
    """A value as a field shows it to be changed: text as it is, numbers with the reader's decimal sign, the rest as JSON."""
    if value is None or isinstance(value, str | Undefined):
        return str(value or "")
    if isinstance(value, float):
        return repr(value).removesuffix(".0").replace(".", numbers.get_decimal_symbol(get_locale()))
    return as_json(value, indent=2)


def option_lines(options: list[str | Number] | str | None) -> str:
    """Choices to be changed, one a line. Text that looks like JSON stands in quotes, so that it stays text."""
    if not isinstance(options, list):
        return field_text(options)
    return "\n".join(
        each if isinstance(each, str) and not _looks_like_json(each) else as_json(each) for each in options
    )


def _looks_like_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def short_id(run: Execution) -> str:
    """Enough of an id to tell runs apart and to find one: its last six digits, which are random."""
    return f"#{run.id.hex[-6:]}"


def axis_top(highest: Number) -> Number:
    """The round number an axis ends at: 1, 2 or 5 and zeros."""
    step = 1
    while step * 10 < highest:
        step *= 10
    return next(factor * step for factor in (1, 2, 5, 10) if factor * step >= highest)
