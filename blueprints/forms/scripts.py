"""Forms about a script: a new one, what it is called, its limits, how long its versions are kept."""

from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import TextInput

from blueprints.formats import as_json, field_text, number
from blueprints.forms.fields import clean, no_control_characters
from services.limits import BOUNDS
from services.parameters import InputFault, parse_json, read

_REQUIRED = _l("This field is required.")
_NAME = [InputRequired(_REQUIRED), Length(3, 100), no_control_characters]


class TagsField(StringField):
    """Words with commas between them."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = [word.strip() for word in valuelist[0].split(",") if word.strip()] if valuelist else []

    def _value(self) -> str:
        return ", ".join(self.data or [])


class JsonField(TextAreaField):
    """An object; empty text is an empty one. What cannot be read comes back as it was typed."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = (valuelist[0] if valuelist else "").strip()
        try:
            self.data = parse_json(text) if text else {}
        except ValueError:
            raise ValidationError(_("This is not JSON.")) from None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return as_json(self.data, indent=2) if self.data else ""


class NewScriptForm(FlaskForm):
    name = StringField(_l("Name"), filters=[clean], validators=_NAME)
    description = StringField(_l("Description"), filters=[clean], validators=[Length(max=2000)])
    source = TextAreaField(_l("Code"))


class DetailsForm(FlaskForm):
    name = StringField(_l("Name"), filters=[clean], validators=_NAME)
    description = TextAreaField(_l("Description"), filters=[clean], validators=[Length(max=2000)])
    tags = TagsField(_l("Tags"), description=_l("Words with commas between them."))
    metadata = JsonField(
        _l("Metadata"), description=_l("A JSON object for programs of your own; Dastgoh only keeps it.")
    )


class RetentionForm(FlaskForm):
    max_versions = IntegerField(_l("Versions to keep"), validators=[InputRequired(_REQUIRED), NumberRange(1, 10_000)])
    retention_days = IntegerField(
        _l("Days to keep versions"), validators=[InputRequired(_REQUIRED), NumberRange(0, 3_650)],
        description=_l("0: age alone removes nothing."),
    )  # fmt: skip
    keep_milestones = BooleanField(_l("Keep milestones, however old"))


class LimitField(Field):
    """A limit in the unit people think in; the service's own unit is `factor` times smaller. Empty: as the default is."""

    widget = TextInput()

    def __init__(self, label: object = None, *, limit: str, factor: int = 1, **options: Any) -> None:
        super().__init__(label, validators=[Optional()], **options)
        self.bound, self.factor = BOUNDS[limit], factor

    def process_formdata(self, valuelist: list[str]) -> None:
        text = (valuelist[0] if valuelist else "").strip()
        if not text:
            self.data = None
            return
        value = read({"name": self.name, "type": "number"}, text, str(get_locale() or "en"))
        if isinstance(value, InputFault):
            raise ValidationError(_(value.message))
        self.data = round(value * self.factor)
        if not self.bound.low <= self.data <= self.bound.high:
            raise ValidationError(self.range_words())

    def range_words(self) -> str:
        low, high = number(self.bound.low / self.factor), number(self.bound.high / self.factor)
        return _("From %(low)s to %(high)s.", low=low, high=high)

    def shown(self, value: int) -> str:
        return field_text(value / self.factor)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.shown(self.data)


class LimitsForm(FlaskForm):
    timeout_ms = LimitField(_l("Time limit, seconds"), limit="timeout_ms", factor=1000)
    cpu_ms = LimitField(_l("CPU limit, seconds"), limit="cpu_ms", factor=1000)
    memory_mb = LimitField(_l("Memory limit, MB"), limit="memory_mb")
    max_api_calls = LimitField(_l("API calls"), limit="max_api_calls")
    max_output_bytes = LimitField(_l("Output limit, KB"), limit="max_output_bytes", factor=1024)
    concurrency = LimitField(_l("Runs at the same time"), limit="concurrency")
    retries = LimitField(_l("Retries"), limit="retries", description=_l("Of runs that an event started."))
    retry_base_ms = LimitField(_l("First retry after, seconds"), limit="retry_base_ms", factor=1000,
                               description=_l("Each further one waits twice as long."))  # fmt: skip

    def given(self) -> dict[str, int]:
        return {name: self[name].data for name in BOUNDS if self[name].data is not None}
