"""Fields and texts that several forms share."""

from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape
from wtforms import Field, SelectChoice, SelectField
from wtforms.validators import ValidationError
from wtforms.widgets import html_params

from blueprints.languages import NAMES


class IdField(SelectField):
    """A choice among rows; the value is a UUID. What was not offered is refused."""

    def __init__(self, label: object = None, **options: object) -> None:
        super().__init__(label, coerce=_uuid, **options)


def _uuid(value: object) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


class ZoneSelect:
    """A list of 400 zones. WTForms renders options one by one, which takes longer than the rest of the page."""

    def __call__(self, field: SelectField, **options: object) -> Markup:
        options.setdefault("id", field.id)
        # Replaced as plain text: Markup would escape the quotes it looks for.
        chosen = f'value="{escape(field.data or "")}"'
        first = field.choices[0]
        blank = Markup('<option value="">{}</option>').format(first.label) if first.value == "" else ""
        markup = str(blank + _zone_options()).replace(chosen, f"{chosen} selected", 1)
        return Markup("<select {}>{}</select>").format(Markup(html_params(name=field.name, **options)), Markup(markup))  # noqa: S704


class ZoneField(SelectField):
    widget = ZoneSelect()

    def __init__(self, label: object = None, *, optional: bool = False, **options: object) -> None:
        choices = [SelectChoice("", _l("As the business"))] if optional else []
        super().__init__(label, choices=[*choices, *map(SelectChoice, _zone_names())], **options)


@cache
def _zone_options() -> Markup:
    return Markup("").join(Markup('<option value="{0}">{0}</option>').format(name) for name in _zone_names())


@cache
def _zone_names() -> list[str]:
    """Asked once: the answer is a walk through the zone files, too slow for every showing of a form."""
    return sorted(name for name in available_timezones() if "/" in name or name == "UTC")


def language_choices() -> list[SelectChoice]:
    return [SelectChoice("", _l("As the browser asks")), *(SelectChoice(*pair) for pair in NAMES.items())]


def clean(value: str | None) -> str | None:
    """Browsers send what people paste: spaces at the ends are never meant."""
    return value.strip() if value else value


def no_control_characters(_form: object, field: Field) -> None:
    if any(ord(character) < 32 for character in field.data or ""):
        raise ValidationError(_l("Line breaks and control characters do not belong here."))
