"""Days that people choose in filters, as instants on their own clock."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from blueprints.languages import timezone
from services.errors import Invalid


def start_of(day: str, days: int = 0) -> datetime | None:
    """The first moment of a day; `days` later for an end that includes the day."""
    if not day:
        return None
    try:
        parsed = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  a day, not an instant
        return datetime.combine(parsed + timedelta(days=days), time.min, ZoneInfo(timezone()))
    except (ValueError, OverflowError):
        raise Invalid("A day is written as 2026-12-31.", field="since") from None
