"""A tenant's own settings, and what its operators set for it."""

from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from blueprints.formats import number
from blueprints.forms.fields import WholeField, ZoneField, clean, language_choices, no_control_characters
from services.retention import BOUNDS, DAYS
from services.tenant_limits import LIMITS

_REQUIRED = _l("This field is required.")


class TenantForm(FlaskForm):
    name = StringField(_l("Name"), filters=[clean],
                       validators=[InputRequired(_REQUIRED), Length(2, 200), no_control_characters])  # fmt: skip
    timezone = ZoneField(_l("Time zone"))
    language = SelectField(_l("Language"), choices=language_choices)


class DaysField(WholeField):
    """For how many days something is kept."""

    def __init__(self, label: object = None, **options: Any) -> None:
        kind = options["name"]
        low, high = BOUNDS[kind]
        super().__init__(label, low, high, **options)
        self.description = _l("From %(low)s to %(high)s days. Empty: %(days)s.", low=low, high=high, days=DAYS[kind])

    def refusal(self) -> str:
        return _(
            "Give a whole number of days from %(low)s to %(high)s, or leave it empty.", low=self.low, high=self.high
        )


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


class LimitField(WholeField):
    def __init__(self, label: object = None, **options: Any) -> None:
        limit = LIMITS[options["name"]]
        super().__init__(label, limit.low, limit.high, **options)
        self.description = LazyString(self._bounds, limit.default)

    def _bounds(self, usual: int) -> str:
        low, high, default = map(number, (self.low, self.high, usual))
        return _("From %(low)s to %(high)s. Empty: %(usual)s.", low=low, high=high, usual=default)


class LimitsForm(FlaskForm):
    runs_per_minute = LimitField(_l("Runs that may begin in a minute"))
    concurrency = LimitField(_l("Runs at the same time"))
    db_per_minute = LimitField(_l("%(api)s: calls a minute in one run", api="sdk.db"))
    http_per_minute = LimitField(_l("%(api)s: calls a minute in one run", api="sdk.http"))
    cache_per_minute = LimitField(_l("%(api)s: calls a minute in one run", api="sdk.cache"))
    events_per_minute = LimitField(_l("%(api)s: calls a minute in one run", api="sdk.events"))
    log_per_minute = LimitField(_l("Log lines a minute in one run"))
