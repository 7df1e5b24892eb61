"""The event log: what happened, what it led to and why, and a test event by hand."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import sentence
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, toast
from blueprints.neighbours import neighbours
from models.base import utcnow
from services import causation, event_log, event_types, events
from services.choices import meaning_of
from services.errors import Invalid
from services.event_log import Filters
from services.event_types import KnownType
from services.filter_index import OWN
from services.granted.facts import MAX_DEPTH

bp = Blueprint("events", __name__, url_prefix="/events")

PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


@bp.get("")
@requires("executions.read")
def index() -> Response:
    asked = {name: request.args.get(name, "").strip()[:200] for name in ("type", "source", "matched", "period")}
    since = utcnow() - meaning_of(asked["period"], PERIODS, "period") if asked["period"] else None
    wanted = Filters(asked["type"], asked["source"], asked["matched"], since)
    page = event_log.page(actor(), wanted, request.args.get("cursor", ""))
    kept: dict[str, Any] = {name: value for name, value in asked.items() if value}
    return render(
        "events/index.html", "events/_rows.html", events=page.rows, asked=asked, is_filtered=bool(kept), max_depth=MAX_DEPTH,
        ends=event_log.ends(actor(), page.rows),
        types=_known_types(), newest=url_for("events.index", **kept),
        **neighbours(page, "events.index", **kept),
    )  # fmt: skip


@bp.get("/new")
@requires("scripts.execute")
def new() -> str:
    like = request.args.get("like", type=UUID)
    if like:
        event = event_log.get(actor(), like)
        return _form(event.type, event.data)
    kind = request.args.get("type", "").strip()
    return _form(kind, event_types.sample(actor(), kind) if kind and actor().may("scripts.read") else None)


@bp.post("")
@requires("scripts.execute")
def create() -> AnyResponse | tuple[str, int]:
    kind, text = request.form.get("type", "").strip(), request.form.get("data", "")
    try:
        published = events.publish(actor(), kind, _parsed(text), source="page")
    except Invalid as error:
        return _form(kind, text=text, problem=sentence(error), field=error.field), 422
    if published.matched:
        toast(_("The event is published; scripts run."), "run")
    else:
        toast(_("The event is published. No subscription takes it."), "warn")
    if not actor().may("executions.read"):
        return redirect_to(url_for("events.new", type=kind))
    return redirect_to(url_for("events.show", event_id=published.event_id))


@bp.get("/<uuid:event_id>")
@requires("executions.read")
def show(event_id: UUID) -> Response:
    event = event_log.get(actor(), event_id)
    runs = event_log.runs(actor(), event_id)
    considered = event_log.considered(actor(), event) if actor().may("scripts.read") else []
    led_to = causation.of(actor(), event)
    return render(
        "events/show.html", "events/_outcome.html", event=event, runs=runs, considered=considered, causation=led_to,
        ends=event_log.ends(actor(), [event])[event.id],
        scripts=event_log.scripts_of(run.script_id for run in runs), max_depth=MAX_DEPTH,
        is_going_on=any(step.is_going_on for step in led_to.first),
    )  # fmt: skip


def _form(kind: str, data: Any = None, text: str | None = None, problem: str = "", field: str = "") -> str:
    if text is None:
        text = json.dumps(data if data is not None else {}, ensure_ascii=False, indent=2)
    known = [known for known in _known_types() if not known.type.startswith(OWN)]
    return render_template("events/new.html", type=kind, text=text, problem=problem, field=field, types=known)


def _known_types() -> list[KnownType]:
    """To choose from, for those who may know what scripts wait for."""
    return event_types.catalogue(actor()) if actor().may("scripts.read") else []


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        raise Invalid("This is not JSON that can be kept.", field="data") from None
