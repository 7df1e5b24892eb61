"""When a script runs by itself, and what happens when runs meet or times are missed."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, IntegerField, RadioField, StringField
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from blueprints.errors import sentence
from blueprints.forms.fields import ZoneField, clean
from models.schedule import Schedule
from services.cron.parse import CronError, parse
from services.schedule_checks import MAX_JITTER_SECONDS

_REQUIRED = _l("This field is required.")
_LAST_DAY = date(9999, 12, 30)
_A_MOMENT = timedelta(microseconds=1)


def _overlap_choices() -> list[tuple[str, tuple[str, str]]]:
    return [
        ("skip", (_("Skip this time"), _("Wait for the next slot; the skip is recorded."))),
        ("queue", (_("Queue one"), _("Start right after it ends, at most one waiting."))),
        ("allow", (_("Run side by side"), _("Only for scripts that never share data."))),
    ]


def _misfire_choices() -> list[tuple[str, tuple[str, str]]]:
    return [
        ("once", (_("Run once when back"), _("One run stands for all the missed times."))),
        ("skip", (_("Let it go"), _("Carry on from the next time."))),
    ]


class ScheduleForm(FlaskForm):
    cron = StringField(_l("Cron expression"), filters=[clean], validators=[InputRequired(_REQUIRED)])
    timezone = ZoneField(_l("Time zone"))
    starts_on = DateField(_l("Start on"), validators=[Optional()], description=_l("Empty: at once."))
    ends_on = DateField(_l("Stop after"), validators=[Optional()], description=_l("Empty: never."))
    jitter_seconds = IntegerField(
        _l("Spread, seconds"), default=0, validators=[Optional(), NumberRange(0, MAX_JITTER_SECONDS)],
        description=_l("Starts up to this much later, always by the same, so that not all runs at once."),
    )  # fmt: skip
    overlap = RadioField(_l("If the last run is still going"), choices=_overlap_choices, default="skip")
    misfire = RadioField(_l("If a time was missed"), choices=_misfire_choices, default="once")

    def given(self, schedule: Schedule | None = None) -> dict[str, Any]:
        """What a service takes."""
        starts_at, ends_at = bounds(self.starts_on.data, self.ends_on.data, ZoneInfo(self.timezone.data), schedule)
        return {"cron": self.cron.data, "timezone": self.timezone.data, "overlap": self.overlap.data,
                 "misfire": self.misfire.data, "jitter_seconds": self.jitter_seconds.data or 0,
                "starts_at": starts_at, "ends_at": ends_at}  # fmt: skip

    def validate_cron(self, field: StringField) -> None:
        try:
            parse(field.data or "")
        except CronError as error:
            raise ValidationError(sentence(error)) from None


def bounds(
    starts_on: date | None, ends_on: date | None, zone: ZoneInfo, schedule: Schedule | None = None
) -> tuple[datetime | None, datetime | None]:
    """Between which moments it may run. The days are days of the zone; where one was not changed, the schedule keeps its hour."""
    starts_at, ends_at = midnight(starts_on, zone), midnight(ends_on, zone, days=1)
    if schedule and schedule.timezone == zone.key:
        shown = days_of(schedule)
        starts_at = schedule.starts_at if starts_on == shown["starts_on"] else starts_at
        ends_at = schedule.ends_at if ends_on == shown["ends_on"] else ends_at
    return starts_at, ends_at


def days_of(schedule: Schedule) -> dict[str, date | None]:
    """The first and the last day on which it may run."""
    zone = ZoneInfo(schedule.timezone)
    return {
        "starts_on": schedule.starts_at.astimezone(zone).date() if schedule.starts_at else None,
        "ends_on": (schedule.ends_at - _A_MOMENT).astimezone(zone).date() if schedule.ends_at else None,
    }


def midnight(day: date | None, zone: ZoneInfo, days: int = 0) -> datetime | None:
    """With which the day begins, or (days=1) after which it is over. The calendar itself ends with 9999."""
    if day is None:
        return None
    return datetime.combine(min(day, _LAST_DAY) + timedelta(days=days), time(), zone)
