"""Fields and texts that several forms share."""

from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from wtforms import Field, SelectField
from wtforms.validators import ValidationError

from blueprints.languages import NAMES


class IdField(SelectField):
    """A choice among rows; the value is a UUID. What was not offered is refused."""

    def __init__(self, label: object = None, **options: object) -> None:
        super().__init__(label, coerce=_uuid, **options)


def _uuid(value: object) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


def timezone_choices(*, optional: bool = False) -> list[tuple[str, object]]:
    zones: list[tuple[str, object]] = [(name, name) for name in _zone_names()]
    return [("", _l("As the business")), *zones] if optional else zones


@cache
def _zone_names() -> list[str]:
    """Asked once: the answer is a walk through the zone files, too slow for every showing of a form."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


def language_choices() -> list[tuple[str, object]]:
    return [("", _l("As the browser asks")), *NAMES.items()]


def clean(value: str | None) -> str | None:
    """Browsers send what people paste: spaces at the ends are never meant."""
    return value.strip() if value else value


def no_control_characters(_form: object, field: Field) -> None:
    if any(ord(character) < 32 for character in field.data or ""):
        raise ValidationError(_l("Line breaks and control characters do not belong here."))
