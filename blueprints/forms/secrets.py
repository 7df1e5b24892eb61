from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import TextArea

from blueprints.forms.fields import clean, no_control_characters

_REQUIRED = _l("This field is required.")


class BlankTextArea(TextArea):
    """Never shows what it was given, not even to who gave it a moment ago."""

    def __call__(self, field: TextAreaField, **options: object) -> Markup:
        field.data = ""
        return super().__call__(field, **options)


class NewSecretForm(FlaskForm):
    name = StringField(
        _l("Name"), filters=[clean], validators=[InputRequired(_REQUIRED), Length(1, 100)],
        description=_l("What scripts call it, for example bank_api_key. It cannot be changed."),
    )  # fmt: skip
    value = TextAreaField(_l("Value"), widget=BlankTextArea(), validators=[InputRequired(_REQUIRED)],
                          description=_l("Encrypted when it is saved, and never shown again."))  # fmt: skip
    description = StringField(_l("Description"), filters=[clean], validators=[Length(max=500), no_control_characters])


class SecretForm(FlaskForm):
    value = TextAreaField(_l("New value"), widget=BlankTextArea(), description=_l("Empty: the value stays as it is."))
    description = StringField(_l("Description"), filters=[clean], validators=[Length(max=500), no_control_characters])
