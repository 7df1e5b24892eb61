"""What an expression means, while it is typed: in words, field by field, and as the next ten times."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from babel.dates import get_timezone_location
from flask import Blueprint, render_template, request
from flask_babel import get_locale, get_timezone
from flask_babel import gettext as _

from blueprints.errors import sentence
from blueprints.formats import JOINT, clock
from blueprints.forms.schedules import bounds
from blueprints.guard import actor, requires
from blueprints.languages import language
from models.base import utcnow
from models.schedule import Schedule
from services import schedules
from services.cron.ahead import APART, SHIFT, Effect
from services.cron.describe import describe
from services.cron.parse import Cron, CronError, Every, Expression, parse, parts
from services.cron.times import GAP, ClockChange, Slot
from services.errors import Invalid

bp = Blueprint("schedule_preview", __name__)


@bp.get("/schedules/preview")
@requires("scripts.read")
def show() -> str:
    given = request.args
    return render_template("schedules/_preview.html", said=preview(
        given.get("cron", ""), given.get("timezone", ""), _day(given.get("starts_on")), _day(given.get("ends_on")),
        _known(given.get("schedule")),
    ))  # fmt: skip


@dataclass(frozen=True)
class Part:
    text: str
    label: str
    is_wrong: bool


@dataclass(frozen=True)
class Row:
    """One of the next times, or (with a title) a clock change between them."""

    day: str = ""
    time: str = ""
    here: str = ""
    note: str = ""
    title: str = ""


@dataclass
class Preview:
    words: str = ""
    error: str = ""
    parts: list[Part] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    note: str = ""
    city: str = ""
    here: str = ""  # the reader's city, where it is another
    ahead: str = ""  # of a clock change beyond these times


@bp.app_template_global("cron_preview")
def preview(
    cron: str | None, zone: str | None, starts_on: date | None = None, ends_on: date | None = None,
    schedule: Schedule | None = None,
) -> Preview:  # fmt: skip
    said = Preview()
    try:
        expression = parse(cron or "")
        said.parts = _parts(cron or "")
        said.words = describe(expression, language())
        said.note = _rhythm_note(expression)
        starts_at, ends_at = bounds(starts_on, ends_on, schedules.zone_named(zone or ""), schedule)
        _show_times(said, cron or "", expression, zone or "", starts_at, ends_at)
    except CronError as error:
        said.error, said.parts = sentence(error), _parts(cron or "", error.part)
    except Invalid as error:
        said.error = sentence(error)
    return said


@bp.app_template_filter("cron_words")
def words(cron: str) -> str:
    try:
        return describe(parse(cron), language())
    except CronError:
        return cron


@bp.app_template_filter("city")
def city(zone: str) -> str:
    return get_timezone_location(zone, locale=get_locale(), return_city=True) if "/" in zone else zone


def _parts(cron: str, wrong: int | None = None) -> list[Part]:
    texts = parts(cron)
    labels = (_("minute"), _("hour"), _("day"), _("month"), _("weekday"))
    if isinstance(_parsed(cron), Every) or len(texts) != len(labels):
        return []
    return [Part(text, label, at == wrong) for at, (text, label) in enumerate(zip(texts, labels, strict=True))]


def _parsed(cron: str) -> Expression | None:
    try:
        return parse(cron)
    except CronError:
        return None


def _rhythm_note(expression: Expression) -> str:
    if isinstance(expression, Every) and expression.period != expression.seconds:
        return _("Configured every %(wish)s, effective every %(real)s: nothing runs more often than once a minute.",
                 wish=_seconds(expression.seconds), real=_seconds(expression.period))  # fmt: skip
    return ""


def _seconds(amount: int) -> str:
    return f"{amount}{JOINT}{_('s')}"


def _show_times(
    said: Preview, cron: str, expression: Expression, zone: str, starts_at: datetime | None, ends_at: datetime | None
) -> None:
    after, here = utcnow(), str(get_timezone())
    if starts_at and starts_at > after:
        after = starts_at - timedelta(microseconds=1)
    found = schedules.preview(cron, zone, after=after, ends_at=ends_at)
    said.city, said.here = city(zone), city(here) if here != zone else ""
    said.rows = [
        _change(item, said.city, zone) if isinstance(item, ClockChange) else _time(item, expression, zone, said.here)
        for item in found
    ]
    last = found[-1] if found else None
    if isinstance(last, Slot) and (effect := schedules.clock_change_ahead(cron, zone, last.at, ends_at)):
        said.ahead = _ahead(effect)


def _time(slot: Slot, expression: Expression, zone: str, here: str) -> Row:
    day = clock(slot.at, "EEE d MMM" if slot.at.year == utcnow().year else "EEE d MMM y", zone)
    is_same_day = clock(slot.at, "yMMdd") == clock(slot.at, "yMMdd", zone)
    there = clock(slot.at, "HH:mm" if is_same_day else "EEE HH:mm")
    return Row(
        day, clock(slot.at, "HH:mm", zone), _("%(time)s here", time=there) if here else "", _note(slot, expression)
    )


def _note(slot: Slot, expression: Expression) -> str:
    asked = f"{slot.wall:%H:%M}"
    if not slot.mark:
        return ""
    if slot.mark == GAP:
        return _("The clocks leave out %(time)s, so it runs right after.", time=asked)
    if isinstance(expression, Cron) and not expression.all_day_long:
        return _("The clocks show %(time)s twice; it runs the first time.", time=asked)
    return _("The clocks show %(time)s for the second time.", time=asked)


def _change(change: ClockChange, city: str, zone: str) -> Row:
    return Row(
        title=_("Clocks change, %(day)s", day=clock(change.at, "EEE d MMM", zone)),
        note=_("%(city)s moves %(before)s to %(after)s", city=city,
               before=f"{change.wall_before:%H:%M}", after=f"{change.wall_after:%H:%M}"),
    )  # fmt: skip


def _ahead(effect: Effect) -> str:
    """One line: when it is, which way the clocks go and what that does."""
    day = clock(effect.times[0].replace(tzinfo=UTC), "d MMMM y", "UTC")
    times = [f"{time:%H:%M}" for time in effect.times]
    if effect.change.is_forward:
        return _("On %(day)s clocks go forward: %(what)s", day=day, what=_done_by(effect, times))
    return _("On %(day)s clocks go back: %(what)s", day=day, what=_done_by(effect, times))


def _done_by(effect: Effect, times: list[str]) -> str:
    some = f"{times[0]}–{times[-1]}" if len(times) > 1 else times[0]
    if effect.kind == APART:
        return _("its runs at %(first)s and %(second)s are %(minutes)s min apart.", first=times[0], second=times[1],
                 minutes=effect.apart // timedelta(minutes=1))  # fmt: skip
    if effect.kind == SHIFT:
        return _("from then on it runs at %(new)s instead of %(old)s.", old=times[0], new=times[1])
    if effect.kind == GAP:
        at = f"{effect.change.wall_after:%H:%M}"
        if len(times) > 1:
            return _("%(times)s do not exist that day, it runs once, at %(at)s.", times=some, at=at)
        return _("%(time)s does not exist that day, it runs at %(at)s.", time=some, at=at)
    if len(times) > 1:
        return _("%(times)s come twice that day, it runs the first time only.", times=some)
    return _("%(time)s comes twice that day, it runs the first time only.", time=some)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _known(text: str | None) -> Schedule | None:
    """The schedule that is being changed, if it is one."""
    try:
        return schedules.get(actor(), UUID(text or ""))
    except ValueError:
        return None
