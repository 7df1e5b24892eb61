"""Fields and texts that several forms share."""

import re
from functools import lru_cache
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape
from wtforms import Field, SelectChoice, SelectField
from wtforms.validators import Optional, ValidationError
from wtforms.widgets import TextInput, html_params

from blueprints.formats import number
from blueprints.languages import NAMES
from models.base import utcnow
from services import zones

_WHOLE = re.compile("[0-9]{1,9}")


class IdField(SelectField):
    """A choice among rows; the value is a UUID. What was not offered is refused."""

    def __init__(self, label: object = None, **options: object) -> None:
        super().__init__(label, coerce=_uuid, **options)


def _uuid(value: object) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


class WholeField(Field):
    """A whole number within bounds, or nothing: as usual."""

    # Not a number input: browsers send what is no number as if the field were empty.
    widget = TextInput()

    def __init__(self, label: object, low: int, high: int, **options: Any) -> None:
        super().__init__(label, validators=[Optional()], **options)
        self.low, self.high = low, high

    def refusal(self) -> str:
        low, high = number(self.low), number(self.high)
        return _("Give a whole number from %(low)s to %(high)s, or leave it empty.", low=low, high=high)

    def process_formdata(self, valuelist: list[str]) -> None:
        text = (valuelist[0] if valuelist else "").strip()
        if text and not (_WHOLE.fullmatch(text) and self.low <= int(text) <= self.high):
            raise ValidationError(self.refusal())
        self.data = int(text) if text else None

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else "" if self.data is None else str(self.data)


class ZoneSelect:
    """A list of 600 zones and, where scripts run, a field to search it. WTForms renders options one by one, which takes longer
    than the rest of the page."""

    def __call__(self, field: SelectField, **options: object) -> Markup:
        options.setdefault("id", field.id)
        # Replaced as plain text: Markup would escape the quotes it looks for.
        chosen = f'value="{escape(field.data or "")}"'
        first = field.choices[0]
        blank = Markup('<option value="">{}</option>').format(first.label) if first.value == "" else ""
        markup = str(blank + _zone_options(zones.labels(utcnow()))).replace(chosen, f"{chosen} selected", 1)
        named = Markup(html_params(name=field.name, **options))  # noqa: S704
        return Markup('<span class="narrowed">{}<select {}>{}</select></span>').format(
            self._search(field.id),
            named,
            Markup(markup),  # noqa: S704
        )

    @staticmethod
    def _search(id_: str) -> Markup:
        return Markup(
            '<input class="input" type="search" data-narrows="{0}" aria-controls="{0}" aria-label="{1}" placeholder="Tashkent, UTC+5"'
            ' autocomplete="off" spellcheck="false" maxlength="40" hidden>'
        ).format(id_, _("Find by city or offset"))


class ZoneField(SelectField):
    widget = ZoneSelect()

    def __init__(self, label: object = None, *, optional: bool = False, **options: object) -> None:
        choices = [SelectChoice("", _l("As the business"))] if optional else []
        super().__init__(label, choices=[*choices, *map(SelectChoice, sorted(zones.names()))], **options)


@lru_cache(maxsize=1)
def _zone_options(labels: tuple[tuple[str, str], ...]) -> Markup:
    return Markup("").join(Markup('<option value="{}">{}</option>').format(*label) for label in labels)


def language_choices() -> list[SelectChoice]:
    return [SelectChoice("", _l("As the browser asks")), *(SelectChoice(*pair) for pair in NAMES.items())]


def clean(value: str | None) -> str | None:
    """Browsers send what people paste: spaces at the ends are never meant."""
    return value.strip() if value else value


def no_control_characters(_form: object, field: Field) -> None:
    if any(ord(character) < 32 for character in field.data or ""):
        raise ValidationError(_l("Line breaks and control characters do not belong here."))
