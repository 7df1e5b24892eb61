"""Is each fact about a schedule what it may be? Every check answers the value as it is kept, or says what is wrong."""

from datetime import UTC, datetime

from models.schedule import MISFIRES, OVERLAPS
from services import zones
from services.cron.parse import parse
from services.errors import Invalid

MAX_JITTER_SECONDS = 3600
_YEARS = 1970, 2999


def _cron(value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("This must be text.", field="cron")
    parse(value)
    return " ".join(value.split())


def zone(value: object) -> str:
    if not isinstance(value, str) or value not in zones.names():
        raise Invalid("There is no such time zone.", field="timezone")
    return str(value)


def _enabled(value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid("This must be true or false.", field="enabled")
    return value


def _overlap(value: object) -> str:
    if value not in OVERLAPS:
        raise Invalid("The overlap policy is skip, queue or allow.", field="overlap")
    return str(value)


def _misfire(value: object) -> str:
    if value not in MISFIRES:
        raise Invalid("The misfire policy is skip or once.", field="misfire")
    return str(value)


def _jitter(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_JITTER_SECONDS:
        raise Invalid("The spread is 0 to %(most)s seconds.", field="jitter_seconds", most=MAX_JITTER_SECONDS)
    return value


def _starts_at(value: object) -> datetime | None:
    return _instant(value, "starts_at")


def _ends_at(value: object) -> datetime | None:
    return _instant(value, "ends_at")


def _instant(value: object, field: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
        if instant is None:
            return None
        if not isinstance(instant, datetime) or instant.tzinfo is None:
            raise ValueError("an instant has a zone")
        if not _YEARS[0] <= instant.year <= _YEARS[1]:
            raise Invalid(
                "The year must be between %(first)s and %(last)s.", field=field, first=_YEARS[0], last=_YEARS[1]
            )
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("This must be a time with its zone, such as 2026-12-31T23:00:00+05:00.", field=field) from None


CHECKS = {
    "cron": _cron, "timezone": zone, "enabled": _enabled, "overlap": _overlap, "misfire": _misfire,
    "jitter_seconds": _jitter, "starts_at": _starts_at, "ends_at": _ends_at,
}  # fmt: skip
