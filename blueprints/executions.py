"""Runs: starting one from a script's page, watching it live, stopping and repeating it."""

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import sentence
from blueprints.forms.parameters import entered_input, messages
from blueprints.guard import actor, requires, signed_in
from blueprints.htmx import redirect_to, render, toast, wants_fragment
from models.base import utcnow
from models.execution import Execution
from models.script import Script
from services import executions, live, run_facts, scripts
from services.errors import Conflict, Invalid, RateLimited
from services.parameters import InvalidInput

bp = Blueprint("executions", __name__)

# Most scripts are quicker than this: their result is in the first answer.
AT_ONCE_S = 0.15
STOPPED_S = 0.2
# Characters of log lines sent to a reader: beside the editor, and on the page of a finished run.
BESIDE, ON_ITS_PAGE = 48 * 1024, 512 * 1024


@bp.post("/scripts/<uuid:script_id>/executions")
@requires("scripts.execute")
def start(script_id: UUID) -> AnyResponse:
    """The input as the form has it; `source` is an unsaved buffer, run as a test; `event` one that happened, to try it on."""
    script = scripts.get(actor(), script_id)
    entered = entered_input(script.parameters, request.form)
    source = request.form.get("source")
    errors = messages(entered.faults)
    if not errors:
        try:
            run = executions.start(actor(), script_id, input=entered.value, source=_whole_lines(source),
                                   event_id=request.form.get("event", type=UUID))  # fmt: skip
        except InvalidInput as refusal:
            errors = messages(refusal.faults)
        except (Invalid, RateLimited) as refusal:
            errors = {"": [sentence(refusal)]}
    if errors:
        return _not_started(script, errors)
    return _standing(executions.wait_for(actor(), run.id, AT_ONCE_S))


def _whole_lines(source: str | None) -> str | None:
    return source.replace("\r\n", "\n") if source is not None else None


def _not_started(script: Script, errors: dict[str, list[str]]) -> Response:
    return render("executions/refused.html", "executions/_refused.html", status=422, script=script, errors=errors)


def _standing(run: Execution) -> AnyResponse:
    if not wants_fragment():
        return redirect_to(url_for("executions.show", execution_id=run.id))
    return Response(render_template("executions/_panel.html", **_facts(run)))


@bp.get("/executions/<uuid:execution_id>")
@signed_in
def show(execution_id: UUID) -> str:
    run = executions.get(actor(), execution_id)
    return render_template("executions/show.html", around=run_facts.around(actor(), run), **_facts(run, ON_ITS_PAGE))


@bp.get("/executions/<uuid:execution_id>/panel")
@signed_in
def panel(execution_id: UUID) -> str:
    """Beside the editor. It asks again by itself for as long as the run goes on."""
    return render_template("executions/_panel.html", **_facts(executions.get(actor(), execution_id)))


@bp.get("/executions/<uuid:execution_id>/report")
@signed_in
def report(execution_id: UUID) -> str:
    """The body of the run's own page, likewise."""
    return _report(executions.get(actor(), execution_id))


@bp.get("/executions/<uuid:execution_id>/output")
@signed_in
def output(execution_id: UUID) -> Response:
    """The whole result, as a file: pages show only the beginning of large ones."""
    run = executions.get(actor(), execution_id)
    answer = Response(json.dumps(run.output, ensure_ascii=False, indent=2), mimetype="application/json")
    answer.headers.set("Content-Disposition", "attachment", filename=f"{run.id}.json")
    return answer


@bp.post("/executions/<uuid:execution_id>/cancel")
@signed_in
def cancel(execution_id: UUID) -> AnyResponse:
    try:
        executions.cancel(actor(), execution_id)
    except Conflict as late:
        toast(sentence(late), "warn")
    run = executions.wait_for(actor(), execution_id, STOPPED_S)
    if request.form.get("on") != "page" or not wants_fragment():
        return _standing(run)
    return Response(_report(run))


@bp.post("/executions/<uuid:execution_id>/replay")
@requires("scripts.execute")
def replay(execution_id: UUID) -> AnyResponse:
    run = executions.replay(actor(), execution_id, current=request.form.get("version") == "current")
    toast(_("Started again."), "run")
    return redirect_to(url_for("executions.show", execution_id=run.id))


def _report(run: Execution) -> str:
    return render_template("executions/_report.html", around=run_facts.around(actor(), run), **_facts(run, ON_ITS_PAGE))


def _facts(run: Execution, most: int = BESIDE) -> dict[str, Any]:
    """What both views of a run show. While it runs, its lines are not in the row yet, and only the newest are sent again
    and again."""
    now = live.read(run.id) if not run.is_finished else live.Live(list(run.logs), list(run.calls))
    until = run.finished_at or utcnow()
    logs = _newest(now.logs, most if run.is_finished else BESIDE)
    return {
        "run": run, "script": run_facts.script_of(run), "logs": logs, "calls": now.calls,
        "earlier": len(now.logs) - len(logs),
        "waits_for_minute": run.status == "queued" and not run_facts.has_room(run),
        "elapsed_ms": (until - run.started_at).total_seconds() * 1000 if run.started_at else 0,
        "may_stop": actor().may("executions.cancel") or (run.user_id == actor().id and actor().may("scripts.execute")),
    }  # fmt: skip


def _newest(lines: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """As many of the last lines as fit into so many characters."""
    size = 0
    for at in range(len(lines) - 1, -1, -1):
        size += 100 + len(lines[at]["message"]) + (len(json.dumps(lines[at]["data"])) if lines[at].get("data") else 0)
        if size > most:
            return lines[at + 1 :]
    return lines
