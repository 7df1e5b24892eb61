from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, EmailField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from blueprints.forms.fields import IdField, clean, no_control_characters

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
