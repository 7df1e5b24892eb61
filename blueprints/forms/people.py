import re
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, EmailField, Field, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget, TextInput

from blueprints.forms.fields import IdField, ZoneField, clean, language_choices, no_control_characters
from services.retention import BOUNDS, DAYS

_REQUIRED = _l("This field is required.")


class CheckboxesField(SelectMultipleField):
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class InviteForm(FlaskForm):
    email = EmailField(_l("E-mail"), filters=[clean], validators=[InputRequired(_REQUIRED), Length(max=254)])
    first_name = StringField(_l("First name"), filters=[clean], validators=[Length(max=100), no_control_characters])
    last_name = StringField(_l("Last name"), filters=[clean], validators=[Length(max=100), no_control_characters])
    role_id = IdField(_l("Role"))


class UserForm(FlaskForm):
    first_name = StringField(_l("First name"), filters=[clean], validators=[Length(max=100), no_control_characters])
    last_name = StringField(_l("Last name"), filters=[clean], validators=[Length(max=100), no_control_characters])
    role_id = IdField(_l("Role"))
    is_active = BooleanField(
        _l("Active"), description=_l("Who is not active cannot sign in; their tokens stop working.")
    )


class RoleForm(FlaskForm):
    name = StringField(_l("Name"), filters=[clean],
                       validators=[InputRequired(_REQUIRED), Length(2, 100), no_control_characters])  # fmt: skip
    permissions = CheckboxesField(_l("Permissions"))


class TokenForm(FlaskForm):
    name = StringField(_l("Name"), filters=[clean], description=_l("What will use it, for example “billing system”."),
                       validators=[InputRequired(_REQUIRED), Length(1, 100), no_control_characters])  # fmt: skip
    permissions = CheckboxesField(_l("Permissions"))
    expires_on = DateField(_l("Valid until"), validators=[Optional()], description=_l("Empty: until it is revoked."))


class TenantForm(FlaskForm):
    name = StringField(_l("Name"), filters=[clean],
                       validators=[InputRequired(_REQUIRED), Length(2, 200), no_control_characters])  # fmt: skip
    timezone = ZoneField(_l("Time zone"))
    language = SelectField(_l("Language"), choices=language_choices)


class DaysField(Field):
    """For how many days something is kept. Empty: as long as usual."""

    # Not a number input: browsers send what is no number as if the field were empty.
    widget = TextInput()

    def __init__(self, label: object = None, **options: Any) -> None:
        super().__init__(label, validators=[Optional()], **options)
        low, high = BOUNDS[self.name]
        self.description = _l(
            "From %(low)s to %(high)s days. Empty: %(days)s.", low=low, high=high, days=DAYS[self.name]
        )

    def process_formdata(self, valuelist: list[str]) -> None:
        text = (valuelist[0] if valuelist else "").strip()
        low, high = BOUNDS[self.name]
        if text and not (re.fullmatch("[0-9]{1,4}", text) and low <= int(text) <= high):
            raise ValidationError(
                _("Give a whole number of days from %(low)s to %(high)s, or leave it empty.", low=low, high=high)
            )
        self.data = int(text) if text else None

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else "" if self.data is None else str(self.data)


class KeepingForm(FlaskForm):
    runs = DaysField(_l("Runs"))
    dead_letters = DaysField(_l("Dead letters"))
    events = DaysField(_l("Events"))
    audit = DaysField(_l("Audit log"))


class NewTenantForm(FlaskForm):
    name = StringField(_l("Name"), filters=[clean],
                       validators=[InputRequired(_REQUIRED), Length(2, 200), no_control_characters])  # fmt: skip
    slug = StringField(_l("Short name"), filters=[clean], description=_l("Part of addresses: small Latin letters, digits, hyphens."),
                       validators=[InputRequired(_REQUIRED), Length(1, 63)])  # fmt: skip
    admin_email = EmailField(_l("E-mail of its first admin"), filters=[clean], validators=[Optional(), Length(max=254)])
