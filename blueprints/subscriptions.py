"""Subscriptions: which events make a script run, with a builder for their filters and a look at past events."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import sentence
from blueprints.forms import filters as builder
from blueprints.forms.meanwhile import marked, seen
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, toast, wants_fragment
from models.script import Script
from models.subscription import Subscription
from services import event_log, event_types, filters, scripts, subscriptions
from services.errors import Invalid, ServiceError
from services.meanwhile import Changed
from services.subscriptions import Trial

bp = Blueprint("subscriptions", __name__)

MOST_PATHS = 60


@dataclass
class Draft:
    """The editor as it stands, complete or not."""

    event_type: str = ""
    filter: dict[str, Any] | None = None
    group: builder.Group | None = field(default_factory=builder.Group)  # None where the text has no such view
    text: str = ""  # the filter as JSON, where it is written by hand
    by_hand: bool = False
    enabled: bool = True
    allow_self: bool = False
    chosen: str = ""  # the past event to explain
    problem: str = ""
    problem_at: str = ""  # event_type or filter
    fault: str = ""  # the builder's field that cannot be saved

    def blame(self, error: ServiceError) -> None:
        at = error.params.get("at", "")
        self.problem = sentence(error, at=builder.line_at(at)) if at and not self.by_hand else sentence(error)
        self.problem_at, self.fault = getattr(error, "field", "") or "filter", builder.field_at(at)


@bp.get("/subscriptions")
@requires("scripts.read")
def index() -> str:
    rows = subscriptions.listed(actor())
    found = event_log.scripts_of(row.script_id for row in rows)
    return render_template("subscriptions/index.html", subscriptions=rows, scripts=found)


@bp.get("/scripts/<uuid:script_id>/subscriptions")
@requires("scripts.read")
def of_script(script_id: UUID) -> Response:
    script = scripts.get(actor(), script_id)
    return render("subscriptions/of_script.html", "subscriptions/_of_script.html", script=script,
                  subscriptions=subscriptions.listed(actor(), script_id))  # fmt: skip


@bp.get("/scripts/<uuid:script_id>/subscriptions/new")
@requires("triggers.manage")
def new(script_id: UUID) -> AnyResponse:
    return _editor(scripts.get(actor(), script_id), None, Draft(event_type=request.args.get("type", "")))


@bp.post("/scripts/<uuid:script_id>/subscriptions")
@requires("triggers.manage")
def create(script_id: UUID) -> AnyResponse:
    script, draft = scripts.get(actor(), script_id), _draft()
    if "do" in request.form or draft.problem:
        return _editor(script, None, draft, _status(draft))
    try:
        subscriptions.create(actor(), script_id, draft.event_type, draft.filter, enabled=draft.enabled,
                             allow_self=draft.allow_self)  # fmt: skip
    except Invalid as error:
        draft.blame(error)
        return _editor(script, None, draft, 422)
    toast(_("The subscription is saved."))
    return redirect_to(url_for("script_settings.triggers", script_id=script_id))


@bp.get("/subscriptions/<uuid:subscription_id>")
@requires("scripts.read")
def show(subscription_id: UUID) -> AnyResponse:
    row = subscriptions.get(actor(), subscription_id)
    draft = Draft(row.event_type, filters.shown(row.filter), enabled=row.enabled, allow_self=row.allow_self,
                  chosen=request.args.get("chosen", ""))  # fmt: skip
    try:
        draft.group = builder.group_of(filters.shown(filters.check(row.filter)))
    except Invalid as error:  # another version of this product kept it: here it can be put right
        draft.by_hand, draft.text = True, builder.written(draft.filter)
        draft.blame(error)
    return _editor(scripts.get(actor(), row.script_id), row, draft)


@bp.post("/subscriptions/<uuid:subscription_id>")
@requires("triggers.manage")
def update(subscription_id: UUID) -> AnyResponse:
    row, draft = subscriptions.get(actor(), subscription_id), _draft()
    script = scripts.get(actor(), row.script_id)
    if "do" in request.form or draft.problem:
        return _editor(script, row, draft, _status(draft))
    changes = {"event_type": draft.event_type, "filter": draft.filter, "enabled": draft.enabled,
               "allow_self": draft.allow_self}  # fmt: skip
    try:
        subscriptions.update(actor(), subscription_id, changes, seen())
    except Changed as refusal:
        return _editor(script, row, draft, 409, refusal)
    except Invalid as error:
        draft.blame(error)
        return _editor(script, row, draft, 422)
    toast(_("The subscription is saved."))
    return redirect_to(url_for("script_settings.triggers", script_id=row.script_id))


@bp.post("/subscriptions/<uuid:subscription_id>/enabled")
@requires("triggers.manage")
def switch(subscription_id: UUID) -> AnyResponse:
    row = subscriptions.update(actor(), subscription_id, {"enabled": request.form.get("enabled") == "1"})
    toast(_("The subscription is on.") if row.enabled else _("The subscription is paused."))
    if not wants_fragment():
        return redirect_to(url_for("script_settings.triggers", script_id=row.script_id))
    return of_script(row.script_id)


@bp.post("/subscriptions/<uuid:subscription_id>/delete")
@requires("triggers.manage")
def delete(subscription_id: UUID) -> AnyResponse:
    script_id = subscriptions.get(actor(), subscription_id).script_id
    subscriptions.delete(actor(), subscription_id)
    toast(_("The subscription is deleted."))
    return redirect_to(url_for("script_settings.triggers", script_id=script_id))


def _draft() -> Draft:
    """The form, after what its button asked for: another line, another view, or nothing but a fresh look."""
    form, deed = request.form, request.form.get("do", "")
    draft = Draft(
        form.get("event_type", "").strip(), text=form.get("text", ""), by_hand=form.get("view") == "json",
        enabled="enabled" in form, allow_self="allow_self" in form, chosen=form.get("chosen", ""),
    )  # fmt: skip
    if draft.by_hand:
        _read_text(draft)
    else:
        draft.group = builder.read(form)
        builder.change(draft.group, deed)
        draft.filter = builder.filter_of(draft.group)
    if deed in ("view json", "view builder") and draft.group:
        draft.by_hand, draft.problem = deed == "view json", ""
    return draft


def _read_text(draft: Draft) -> None:
    draft.group = None
    try:
        given = json.loads(draft.text) if draft.text.strip() else None
        draft.filter = filters.shown(filters.check(given))
        draft.group = builder.group_of(draft.filter)
    except (ValueError, RecursionError):
        draft.problem, draft.problem_at = _("The filter is not JSON."), "filter"
    except Invalid as error:
        draft.blame(error)
        draft.group = builder.sketch_of(given)
        draft.filter = given if draft.group else None


def _status(draft: Draft) -> int:
    """A draft may have gaps; saving one may not."""
    return 200 if "do" in request.form else 422 if draft.problem else 200


def _editor(
    script: Script, row: Subscription | None, draft: Draft, status: int = 200, overtaken: Changed | None = None
) -> AnyResponse:
    trial = _trial(draft)
    tried = trial.tried if trial else []
    chosen = next((one for one in tried if str(one.event.id) == draft.chosen), tried[0] if tried else None)
    sample = event_types.sample(actor(), draft.event_type) if draft.event_type else None
    if not draft.by_hand or not draft.text:
        draft.text = builder.written(draft.filter)
    return render(
        "subscriptions/edit.html", "subscriptions/_editor.html", status=status, script=script, subscription=row,
        draft=draft, trial=trial, chosen=chosen, types=event_types.catalogue(actor()), paths=_paths(sample),
        kinds=builder.KINDS, kind_hints=builder.KIND_HINTS, operators=builder.OPERATORS, yes_no=builder.YES_NO,
        fault=draft.fault if status == 422 else "", may_change=actor().may("triggers.manage"),
        **(marked(subscriptions.mark(row), overtaken) if row else {}),
    )  # fmt: skip


def _trial(draft: Draft) -> Trial | None:
    if draft.problem or not draft.event_type:
        return None
    try:
        return subscriptions.try_out(actor(), draft.event_type, draft.filter)
    except Invalid as error:
        draft.blame(error)
        return None


def _paths(sample: Any) -> list[str]:
    """What a condition may look at, as far as a sample tells."""
    found = ["type", "id", "timestamp"]
    waiting = [("data", sample)]
    while waiting and len(found) < MOST_PATHS:
        path, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += [(_member(path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list) and value:
            waiting.append((f"{path}[*]", value[0]))
        if not isinstance(value, dict) and value is not None:
            found.append(path)
    return found


def _member(path: str, key: str) -> str:
    plain = key and not set(key) & set(".[]\"' \t\n")
    return f"{path}.{key}" if plain else f"{path}[{json.dumps(key, ensure_ascii=False)}]"


@bp.app_template_filter("condition_value")
def _condition_value(verdict: filters.Verdict) -> str:
    return builder.text_of(verdict.op, verdict.value)


@bp.app_template_filter("operator_words")
def _operator_words(verdict: filters.Verdict) -> str:
    """“is there” turned round reads better than “is there: false”."""
    if verdict.op in builder.YES_NO and verdict.value is False:
        return _("is not there") if verdict.op == "exists" else _("is not empty")
    return str(builder.OPERATORS.get(verdict.op, verdict.op))
