"""Days that people choose in filters, as instants on their own clock."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from blueprints.languages import timezone
from services.errors import Invalid


def start_of(day: str, days: int = 0) -> datetime | None:
    """The first moment of a day; `days` later for an end that includes the day."""
    if not day:
        return None
    try:
        parsed = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  a day, not an instant
        local = datetime.combine(parsed + timedelta(days=days), time.min, ZoneInfo(timezone()))
        return local.astimezone(UTC)  # here, where a day at the very edge of the calendar can still be refused
    except (ValueError, OverflowError):
        raise Invalid("A day is written as 2026-12-31.", field="since") from None
