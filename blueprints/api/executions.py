"""/api/v1/scripts/{id}/executions and /api/v1/executions"""

from typing import Any
from uuid import UUID

from flask import Response, url_for

from blueprints.api.protocol import answer, api_blueprint, body, member
from blueprints.api.shapes import execution_whole
from blueprints.guard import actor, requires, signed_in
from models.execution import Execution
from services import executions, live
from services.errors import Invalid

bp = api_blueprint("executions")

LONGEST_WAIT_S = 300


@bp.post("/scripts/<uuid:script_id>/executions")
@requires("scripts.execute")
def start(script_id: UUID) -> Response:
    """200 with the finished run when it ends within `wait` (true, or seconds), else 202 with how it stands."""
    given = body(("input", "wait", "version", "source"))
    seconds = _wait(given)
    run = executions.start(
        actor(), script_id, input=given.get("input"), trigger="api", version=member(given, "version", int),
        source=member(given, "source", str),
    )  # fmt: skip
    return _standing(run.id, seconds, url_for("api_executions.show", execution_id=run.id))


@bp.get("/executions/<uuid:execution_id>")
@signed_in
def show(execution_id: UUID) -> Response:
    return answer(_whole(executions.get(actor(), execution_id)))


@bp.post("/executions/<uuid:execution_id>/cancel")
@signed_in
def cancel(execution_id: UUID) -> Response:
    executions.cancel(actor(), execution_id)
    return _standing(execution_id)


@bp.post("/executions/<uuid:execution_id>/replay")
@requires("scripts.execute")
def replay(execution_id: UUID) -> Response:
    given = body(("version", "wait"))
    version = member(given, "version", str, "pinned")
    if version not in ("pinned", "current"):
        raise Invalid("version is “pinned” or “current”.", field="version")
    seconds = _wait(given)
    run = executions.replay(actor(), execution_id, current=version == "current")
    return _standing(run.id, seconds, url_for("api_executions.show", execution_id=run.id))


def _standing(execution_id: UUID, seconds: float = 0, location: str = "") -> Response:
    run = executions.wait_for(actor(), execution_id, seconds)
    return answer(_whole(run), 200 if run.is_finished else 202, location)


def _whole(run: Execution) -> dict[str, Any]:
    return execution_whole(run, list(run.logs) if run.is_finished else live.read(run.id).logs)


def _wait(given: dict[str, Any]) -> float:
    wait = given.get("wait", False)
    if wait is True:
        return LONGEST_WAIT_S
    if wait is False or wait is None:
        return 0
    if not isinstance(wait, int | float) or not 0 <= wait <= LONGEST_WAIT_S:
        raise Invalid("wait is true, false or a number of seconds up to %(most)s.", field="wait", most=LONGEST_WAIT_S)
    return float(wait)
