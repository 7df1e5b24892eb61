"""Schedules: all of the tenant, those of a script, and each with what it will do and what became of it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import blame, sentence
from blueprints.forms.meanwhile import marked, seen
from blueprints.forms.parameters import entered_input, messages
from blueprints.forms.schedules import ScheduleForm, days_of
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, toast, wants_fragment
from blueprints.languages import timezone
from blueprints.neighbours import neighbours
from models.schedule import Schedule
from models.script import Script
from services import schedules, scripts
from services.errors import Conflict, Invalid
from services.meanwhile import Changed
from services.parameters import InvalidInput
from services.schedules import Changes

bp = Blueprint("schedules", __name__)
PER_PAGE = 25
_RENAMED = {"starts_at": "starts_on", "ends_at": "ends_on"}


@bp.get("/schedules")
@requires("scripts.read")
def index() -> str:
    page, by_id = schedules.page(actor(), request.args.get("cursor", ""), PER_PAGE)
    return render_template("schedules/index.html", schedules=page.rows, scripts=by_id,
                           recent=schedules.recent(actor(), page.rows), **neighbours(page, "schedules.index"))  # fmt: skip


@bp.get("/scripts/<uuid:script_id>/schedules")
@requires("scripts.read")
def listed(script_id: UUID) -> AnyResponse:
    script, found = scripts.get(actor(), script_id), schedules.listed(actor(), script_id)
    return render("schedules/of_script.html", "schedules/_list.html", script=script, schedules=found,
                  recent=schedules.recent(actor(), found))  # fmt: skip


@bp.get("/scripts/<uuid:script_id>/schedules/new")
@requires("triggers.manage")
def new(script_id: UUID) -> str:
    tenant = actor().tenant
    data = {"cron": request.args.get("cron", "0 9 * * *"), "timezone": tenant.timezone if tenant else timezone()}
    script = scripts.get(actor(), script_id)
    return _editor(script, ScheduleForm(formdata=None, data=data), values=script.sample_input)


@bp.post("/scripts/<uuid:script_id>/schedules")
@requires("triggers.manage")
def create(script_id: UUID) -> AnyResponse | tuple[str, int]:
    return _save(scripts.get(actor(), script_id), None)


@bp.get("/schedules/<uuid:schedule_id>")
@requires("scripts.read")
def show(schedule_id: UUID) -> str:
    if wants_fragment():  # from page to page of the ledger, while the form keeps what was typed
        return ledger(schedule_id)
    schedule = schedules.get(actor(), schedule_id)
    data = {name: getattr(schedule, name) for name in ("cron", "timezone", "overlap", "misfire", "jitter_seconds")}
    form = ScheduleForm(formdata=None, data=data | days_of(schedule))
    return _editor(scripts.get(actor(), schedule.script_id), form, schedule, values=schedule.input)


@bp.post("/schedules/<uuid:schedule_id>")
@requires("triggers.manage")
def update(schedule_id: UUID) -> AnyResponse | tuple[str, int]:
    schedule = schedules.get(actor(), schedule_id)
    return _save(scripts.get(actor(), schedule.script_id), schedule)


@bp.get("/schedules/<uuid:schedule_id>/ledger")
@requires("scripts.read")
def ledger(schedule_id: UUID) -> str:
    return render_template("schedules/_ledger.html", **_past(schedules.get(actor(), schedule_id)))


@bp.post("/schedules/<uuid:schedule_id>/enabled")
@requires("triggers.manage")
def enable(schedule_id: UUID) -> AnyResponse:
    enabled = request.form.get("enabled") == "1"
    schedule = schedules.update(actor(), schedule_id, Changes(enabled=enabled))
    toast(_going_on(schedule) if enabled else _("The schedule is paused."))
    return redirect_to(url_for("schedules.show", schedule_id=schedule_id))


@bp.post("/schedules/<uuid:schedule_id>/run")
@requires("scripts.execute")
def run(schedule_id: UUID) -> AnyResponse:
    started = schedules.run_now(actor(), schedule_id)
    toast(_("The run is queued.") if started else _("It starts when the run that is still going has ended."))
    return redirect_to(url_for("schedules.show", schedule_id=schedule_id))


@bp.post("/schedules/<uuid:schedule_id>/delete")
@requires("triggers.manage")
def delete(schedule_id: UUID) -> AnyResponse:
    script_id = schedules.get(actor(), schedule_id).script_id
    schedules.delete(actor(), schedule_id)
    toast(_("The schedule is deleted."))
    return redirect_to(url_for("schedules.listed", script_id=script_id))


def _save(script: Script, schedule: Schedule | None) -> AnyResponse | tuple[str, int]:
    form, entered = ScheduleForm(), entered_input(script.parameters, request.form)
    errors, overtaken = messages(entered.faults), None
    if form.validate() and not errors:
        try:
            kept = _keep(script, schedule, Changes(**form.given(schedule), input=entered.value))
        except InvalidInput as refusal:
            errors = messages(refusal.faults)
        except Changed as refusal:
            overtaken = refusal
        except (Invalid, Conflict) as refusal:
            if getattr(refusal, "field", "") == "input":
                errors = {"": [sentence(refusal)]}
            else:
                blame(form, refusal, "cron", _RENAMED)
        else:
            toast(_("Saved.") if schedule else _("The schedule is created."))
            return redirect_to(url_for("schedules.show", schedule_id=kept.id))
    status = 409 if overtaken else 422
    return _editor(script, form, schedule, overtaken, values=entered.texts, errors=errors, mode=entered.mode,
                   raw=entered.raw), status  # fmt: skip


def _going_on(schedule: Schedule) -> str:
    if schedule.next_run_at is None:
        return _("The schedule is enabled, and runs no more: its last day is over.")
    return _("The schedule goes on.")


def _keep(script: Script, schedule: Schedule | None, changes: Changes) -> Schedule:
    if schedule:
        return schedules.update(actor(), schedule.id, changes, seen())
    return schedules.create(actor(), script.id, changes)


def _editor(
    script: Script,
    form: ScheduleForm,
    schedule: Schedule | None = None,
    overtaken: Changed | None = None,
    **entered: Any,
) -> str:
    past = _past(schedule) | marked(schedules.mark(schedule), overtaken) if schedule else {"schedule": None}
    return render_template("schedules/edit.html", script=script, form=form, **past, **entered)


def _past(schedule: Schedule) -> dict[str, Any]:
    entries, cursor = schedules.ledger(actor(), schedule.id), request.args.get("cursor", "")
    page = schedules.ledger_page(actor(), schedule.id, cursor)
    return {
        "schedule": schedule, "entries": entries, "rhythm": schedules.rhythm(schedule, entries), "told": page.rows,
        "cursor": cursor, **neighbours(page, "schedules.show", schedule_id=schedule.id, _anchor="ledger"),
    }  # fmt: skip
