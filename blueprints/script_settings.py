"""What is set about a script beside its code: parameters, limits, how it is called, how long its versions are kept."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import blame, sentence
from blueprints.forms.meanwhile import fresh, marked, seen
from blueprints.forms.parameters import DeclaredParameters, declarations_from_form
from blueprints.forms.scripts import DetailsForm, LimitsForm, RetentionForm
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, toast
from models.script import Script
from services import authoring, limits, scripts, versions
from services.errors import Conflict, Invalid
from services.meanwhile import Changed
from services.scripts import Changes, Stale
from services.wiring import settings as operator

bp = Blueprint("script_settings", __name__, url_prefix="/scripts/<uuid:script_id>")


@bp.get("/parameters")
@requires("scripts.read")
def parameters(script_id: UUID) -> str:
    script = scripts.get(actor(), script_id)
    return _parameters_page(script, DeclaredParameters(rows=script.parameters))


@bp.post("/parameters")
@requires("scripts.update")
def save_parameters(script_id: UUID) -> AnyResponse | tuple[str, int]:
    declared = declarations_from_form(request.form)
    if not declared.errors:
        try:
            return _saved(_save(script_id, Changes(parameters=declared.parameters)), "script_settings.parameters")
        except Stale as refusal:
            return _parameters_page(scripts.get(actor(), script_id), declared, refusal), 409
        except Invalid as refusal:
            declared.blame(refusal)
    return _parameters_page(scripts.get(actor(), script_id), declared), 422


def _parameters_page(script: Script, declared: DeclaredParameters, stale: Stale | None = None) -> str:
    return render_template("scripts/parameters.html", script=script, declared=declared, stale=stale and sentence(stale))


@bp.get("/limits")
@requires("scripts.read")
def limits_(script_id: UUID) -> str:
    script = scripts.get(actor(), script_id)
    return _limits_page(script, LimitsForm(formdata=None, data=script.limits))


@bp.post("/limits")
@requires("scripts.update")
def save_limits(script_id: UUID) -> AnyResponse | tuple[str, int]:
    form = LimitsForm()
    if form.validate():
        try:
            return _saved(_save(script_id, Changes(limits=form.given())), "script_settings.limits_")
        except Stale as refusal:
            return _limits_page(scripts.get(actor(), script_id), form, refusal), 409
        except Invalid as refusal:
            blame(form, refusal, "timeout_ms")
    return _limits_page(scripts.get(actor(), script_id), form), 422


def _limits_page(script: Script, form: LimitsForm, stale: Stale | None = None) -> str:
    return render_template("scripts/limits.html", script=script, form=form, defaults=limits.defaults(operator()),
                           stale=stale and sentence(stale))  # fmt: skip


def _save(script_id: UUID, changes: Changes) -> Script:
    base = request.form.get("over", type=int) or request.form.get("base_version", 0, int)
    return authoring.save(actor(), script_id, changes, base_version=base, note=request.form.get("note", ""))


def _saved(script: Script, page: str) -> AnyResponse:
    toast(_("Saved."))
    return redirect_to(url_for(page, script_id=script.id))


@bp.get("/settings")
@requires("scripts.read")
def settings(script_id: UUID) -> str:
    script = scripts.get(actor(), script_id)
    return _settings_page(script)


@bp.post("/settings")
@requires("scripts.update")
def save_settings(script_id: UUID) -> AnyResponse | tuple[str, int]:
    form = DetailsForm()
    changes = Changes(name=form.name.data or "", description=(form.description.data or "").replace("\r\n", "\n"),
                      tags=form.tags.data or [], metadata=form.metadata.data or {})  # fmt: skip
    return _attempted(script_id, form, changes, partial(_settings_page, details=form), "name")


@bp.post("/retention")
@requires("scripts.update")
def save_retention(script_id: UUID) -> AnyResponse | tuple[str, int]:
    form = RetentionForm()
    policy = {name: form[name].data for name in versions.Retention.__dataclass_fields__}
    page = partial(_settings_page, retention=form)
    return _attempted(script_id, form, Changes(retention=policy), page, "max_versions")


def _attempted(
    script_id: UUID, form: DetailsForm | RetentionForm, changes: Changes, page: Callable[..., str], otherwise: str
) -> AnyResponse | tuple[str, int]:
    overtaken = None
    if form.validate():
        try:
            script = scripts.save(actor(), script_id, changes, seen=seen())
        except Changed as refusal:
            overtaken = refusal
        except (Invalid, Conflict) as refusal:
            blame(form, refusal, otherwise)
        else:
            return _saved(script, "script_settings.settings")
    return page(scripts.get(actor(), script_id), overtaken=overtaken), 409 if overtaken else 422


def _settings_page(
    script: Script, details: DetailsForm | None = None, retention: RetentionForm | None = None,
    overtaken: Changed | None = None,
) -> str:  # fmt: skip
    named = {"name": script.name, "description": script.description, "tags": script.tags, "metadata": script.extra}
    policy = versions.Retention(**script.retention)
    marks = {"details": scripts.mark(script, *named), "retention": scripts.mark(script, "retention")}
    sent = "details" if details else "retention" if retention else ""
    return render_template(
        "scripts/settings.html", script=script, details=details or DetailsForm(formdata=None, data=named),
        retention=retention or RetentionForm(formdata=None, obj=policy),
        marks={form: marked(mark, overtaken) if form == sent else fresh(mark) for form, mark in marks.items()},
    )  # fmt: skip


@bp.get("/triggers")
@requires("scripts.read")
def triggers(script_id: UUID) -> str:
    return render_template("scripts/triggers.html", script=scripts.get(actor(), script_id))
