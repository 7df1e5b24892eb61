"""The list of runs, of the tenant and of one script; failures in groups."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from blueprints.days import start_of
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, wants_fragment
from blueprints.neighbours import neighbours
from models.execution import Execution
from services import authoring, executions, run_lists, scripts
from services.errors import Invalid
from services.run_lists import Filters

bp = Blueprint("run_list", __name__)

OF_A_SCRIPT = 10
NAMES = ("status", "trigger", "script", "code", "since", "until", "view")


@bp.get("/executions")
@requires("executions.read")
def index() -> Response:
    asked = {name: request.args.get(name, "").strip()[:100] for name in NAMES}
    filters = _filters(asked)
    kept: dict[str, Any] = {name: value for name, value in asked.items() if value}
    common: dict[str, Any] = {"asked": asked, "kept": kept, "is_filtered": any(name != "view" for name in kept)}
    if filters.script_id:
        common["script_name"] = run_lists.script_names([filters.script_id]).get(filters.script_id, "")
    if asked["view"] == "failures":
        groups = run_lists.failures(actor(), filters)
        return render("run_list/index.html", "run_list/_failures.html", groups=groups, codes=_codes(),
                      names=run_lists.script_names(group.script_id for group in groups), **common)  # fmt: skip
    page = run_lists.page(actor(), filters, request.args.get("cursor", ""))
    return render("run_list/index.html", "run_list/_runs.html", codes=_codes(), **_shown(page.rows), **common,
                  **neighbours(page, "run_list.index", **kept))  # fmt: skip


@bp.get("/scripts/<uuid:script_id>/executions")
@requires("executions.read")
def of_script(script_id: UUID) -> AnyResponse:
    """The newest few, for the script's own page, which asks again while one of them goes on."""
    if not wants_fragment():
        return redirect_to(url_for("run_list.index", script=script_id))
    script = scripts.get(actor(), script_id, deleted=True)
    status = request.args.get("status", "")
    page = run_lists.page(actor(), Filters(status=status, script_id=script.id), limit=OF_A_SCRIPT)
    body = render_template("run_list/_of_script.html", script=script, status=status, more=page.next_cursor is not None,
                           **_shown(page.rows))  # fmt: skip
    return Response(body)


@bp.get("/executions/<uuid:execution_id>/row")
@requires("executions.read")
def row(execution_id: UUID) -> str:
    """One row, for as long as its run goes on."""
    run = executions.get(actor(), execution_id)
    short = request.args.get("of") == "script"
    return render_template("run_list/_row_alone.html", run=run, short=short, **_shown([run]))


def _shown(runs: list[Execution]) -> dict[str, Any]:
    return {
        "runs": runs,
        "names": run_lists.script_names(run.script_id for run in runs),
        "people": authoring.names_of(run.user_id for run in runs),
    }


def _codes() -> list[str]:
    return [] if wants_fragment() else run_lists.error_codes(actor())


def _filters(asked: dict[str, str]) -> Filters:
    try:
        script_id = UUID(asked["script"]) if asked["script"] else None
    except ValueError:
        raise Invalid("There is no such choice.", field="script") from None
    return Filters(
        status=asked["status"], trigger=asked["trigger"], script_id=script_id, error_code=asked["code"][:30],
        since=start_of(asked["since"]), until=start_of(asked["until"], days=1),
    )  # fmt: skip
