from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from blueprints.forms.fields import ZoneField, clean, language_choices, no_control_characters
from services.passwords import MAX_LENGTH, MIN_LENGTH

_REQUIRED = _l("This field is required.")


class SignInForm(FlaskForm):
    email = EmailField(_l("E-mail"), filters=[clean], validators=[InputRequired(_REQUIRED), Length(max=254)],
                       render_kw={"autocomplete": "username", "autofocus": True})  # fmt: skip
    password = PasswordField(_l("Password"), validators=[InputRequired(_REQUIRED), Length(max=MAX_LENGTH)],
                             render_kw={"autocomplete": "current-password"})  # fmt: skip
    remember = BooleanField(_l("Stay signed in on this device"))


class _NewPassword(FlaskForm):
    password = PasswordField(
        _l("New password"), validators=[InputRequired(_REQUIRED)],
        description=_l("At least %(count)s characters. A few words are easier to remember than symbols.", count=MIN_LENGTH),
        render_kw={"autocomplete": "new-password", "minlength": MIN_LENGTH, "maxlength": MAX_LENGTH},
    )  # fmt: skip
    again = PasswordField(
        _l("New password again"), validators=[EqualTo("password", _l("The two passwords differ."))],
        render_kw={"autocomplete": "new-password"},
    )  # fmt: skip


class AcceptLinkForm(_NewPassword):
    first_name = StringField(_l("First name"), filters=[clean], validators=[Length(max=100), no_control_characters],
                             render_kw={"autocomplete": "given-name"})  # fmt: skip
    last_name = StringField(_l("Last name"), filters=[clean], validators=[Length(max=100), no_control_characters],
                            render_kw={"autocomplete": "family-name"})  # fmt: skip


class ChangePasswordForm(_NewPassword):
    current = PasswordField(_l("Current password"), validators=[InputRequired(_REQUIRED), Length(max=MAX_LENGTH)],
                            render_kw={"autocomplete": "current-password"})  # fmt: skip


class ProfileForm(FlaskForm):
    first_name = StringField(_l("First name"), filters=[clean], validators=[Length(max=100), no_control_characters])
    last_name = StringField(_l("Last name"), filters=[clean], validators=[Length(max=100), no_control_characters])
    language = SelectField(_l("Language"), choices=language_choices)
    theme = SelectField(_l("Theme"), choices=[SelectChoice("system", _l("As the system")),
                                              SelectChoice("light", _l("Light")), SelectChoice("dark", _l("Dark"))])  # fmt: skip
    timezone = ZoneField(_l("Time zone"), optional=True)
