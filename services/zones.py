"""The time zones there are, asked once: the answer is a walk through the zone files. And how far each is from UTC just now."""

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

# Clocks change on no other moments, and reading all zone files takes longer than the rest of a page.
_QUARTER = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def names() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")


def labels(now: datetime) -> tuple[tuple[str, str], ...]:
    """Sorted by name: each zone and what it is called in lists, such as "Asia/Tashkent (UTC+5)"."""
    return _labels((now - _EPOCH) // _QUARTER)


@lru_cache(maxsize=1)
def _labels(quarter: int) -> tuple[tuple[str, str], ...]:
    at = _EPOCH + quarter * _QUARTER
    return tuple((name, name if name == "UTC" else f"{name} ({offset(name, at)})") for name in sorted(names()))


def offset(name: str, at: datetime) -> str:
    """Such as UTC+5, UTC−3:30, UTC+0."""
    minutes = int((at.astimezone(ZoneInfo(name)).utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'−' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")
