"""/api/v1/executions, /api/v1/scripts/{id}/executions and /api/v1/scripts/run/{name}"""

from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import Asked, contract
from blueprints.api.protocol import answer, api_blueprint, body, listing, query
from blueprints.api.schemas import (
    ANY,
    PAGED,
    PINNED_OR_CURRENT,
    SCRIPT,
    SCRIPT_MEMBERS,
    STATES_OF_RUNS,
    TIMED,
    WAIT,
    choice,
    ref,
    takes,
    typed,
)
from blueprints.api.shapes import execution_summary, execution_whole, log_line
from blueprints.errors import problem
from blueprints.guard import actor, requires, signed_in
from models.execution import TRIGGERS, Execution
from services import executions, live, run_lists
from services.errors import Busy, Invalid
from services.run_lists import Filters

bp = api_blueprint("executions")

LONGEST_WAIT_S = 300
# What a caller by name is told of a run that failed; 502 where the script itself is to blame.
STATUS_OF_CODE = {
    "INVALID_INPUT": 422, "TIMEOUT": 504, "POOL_EXHAUSTED": 503, "FEATURE_DISABLED": 503, "CANCELLED": 409,
    "RATE_LIMITED": 429, "QUOTA_EXCEEDED": 429,
}  # fmt: skip
FILTERS = (
    Asked("status", choice(STATES_OF_RUNS), _l("with this status; “open”: queued or running; “unsuccessful”: failed somehow")),
    Asked("trigger", choice(TRIGGERS), _l("started by this")),
    SCRIPT,
    Asked("code", typed(30), _l("failed with this code")),
    *TIMED,
)  # fmt: skip
STANDING = {200: ref("Execution"), 202: ref("Execution")}


@bp.get("/executions")
@requires("executions.read")
@contract(
    _l("List runs, newest first, without what went in and came out"), {200: ref("Executions")}, asks=(*PAGED, *FILTERS)
)
def index() -> Response:
    asked = query()
    wanted = Filters(
        status=asked["status"] or "", trigger=asked["trigger"] or "", script_id=asked["script"],
        error_code=asked["code"] or "", since=asked["since"], until=asked["until"],
    )  # fmt: skip
    return listing(run_lists.page(actor(), wanted, asked["cursor"] or "", asked["limit"]), execution_summary)


@bp.post("/scripts/<uuid:script_id>/executions")
@requires("scripts.execute")
@contract(_l("Run a script"), STANDING, also_needs=("scripts.read",), headers=("Location",), takes=takes({
    "input": ANY, "wait": WAIT, "version": {"type": "integer"}, "source": SCRIPT_MEMBERS["source"] | {
        "description": "unsaved code to try instead of the script's"
    },
}))  # fmt: skip
def start(script_id: UUID) -> Response:
    """200 with the finished run when it ends within `wait`, else 202 with how it stands: at once where too many requests of the
    tenant wait already."""
    given = body()
    seconds = _wait(given)
    run = executions.start(
        actor(), script_id, input=given.get("input"), trigger="api", version=given.get("version"),
        source=given.get("source"),
    )  # fmt: skip
    return _standing(run.id, seconds, url_for("api_executions.show", execution_id=run.id))


@bp.post("/scripts/run/<anything:name>", merge_slashes=False)
@requires("scripts.execute")
@contract(
    _l("Call a script by its name, as one calls a function: the answer has what it returned"),
    {200: ref("Result")},
    takes=takes({"input": ANY}),
    refuses=(404, 502, 503, 504),
)
def run_by_name(name: str) -> Response:
    """Where the script fails, the answer is a problem with the run's `code` and `execution_id`: 422 when the input does not fit,
    504 out of time, 503 no engine free or scripts switched off, 429 too many runs, 409 stopped by somebody, else 502."""
    try:
        run = executions.run(actor(), name, body().get("input"), LONGEST_WAIT_S)
    except Busy as busy:
        return _come_again(problem(429, str(busy), busy.code))
    if not run.error:
        return answer({"output": run.output, "execution_id": str(run.id)})
    code, message = run.error["code"], run.error["message"]
    facts = {"execution_id": str(run.id), "retryable": run.error["retryable"]}
    return _come_again(problem(STATUS_OF_CODE.get(code, 502), message, code, **facts))


@bp.get("/executions/<uuid:execution_id>")
@signed_in
@contract(_l("Get a run with all it left behind"), {200: ref("Execution")}, refuses=(403,))
def show(execution_id: UUID) -> Response:
    """Log lines are there while it goes on. Needs `executions.read`, or `scripts.execute` for one's own runs."""
    return answer(_whole(executions.get(actor(), execution_id)))


@bp.get("/executions/<uuid:execution_id>/logs")
@signed_in
@contract(_l("Read the log of a run, oldest line first"), {200: ref("Log")}, asks=PAGED, refuses=(403,))
def logs(execution_id: UUID) -> Response:
    """While it goes on, asking again with `next_cursor` brings what has come since. Needs `executions.read`, or `scripts.execute`
    for one's own runs."""
    asked = query()
    run = executions.get(actor(), execution_id)
    lines, first = _lines(run), _first_line(asked["cursor"])
    shown = lines[first : first + asked["limit"]]
    after = first + len(shown)
    is_all = run.is_finished and after >= len(lines)
    return answer({
        "items": [log_line(line) for line in shown], "next_cursor": None if is_all else str(after),
        "dropped": run.logs_dropped,
    })  # fmt: skip


@bp.post("/executions/<uuid:execution_id>/cancel")
@signed_in
@contract(_l("Stop a run"), STANDING, takes=takes({}), refuses=(403, 409))
def cancel(execution_id: UUID) -> Response:
    """409 when it has finished. Needs `executions.cancel` and `executions.read`, or `scripts.execute` for one's own runs."""
    body()
    executions.cancel(actor(), execution_id)
    return _standing(execution_id)


@bp.post("/executions/<uuid:execution_id>/replay")
@requires("scripts.execute")
@contract(
    _l("Run the same input again"),
    STANDING,
    headers=("Location",),
    also_needs=("scripts.read",),
    takes=takes({"version": PINNED_OR_CURRENT, "wait": WAIT}),
)
def replay(execution_id: UUID) -> Response:
    """Somebody else's run needs `executions.read` as well."""
    given = body()
    seconds = _wait(given)
    run = executions.replay(actor(), execution_id, current=given.get("version") == "current")
    return _standing(run.id, seconds, url_for("api_executions.show", execution_id=run.id))


def _standing(execution_id: UUID, seconds: float = 0, location: str = "") -> Response:
    run = executions.wait_for(actor(), execution_id, seconds)
    return answer(_whole(run), 200 if run.is_finished else 202, location)


def _whole(run: Execution) -> dict[str, Any]:
    return execution_whole(run, _lines(run))


def _lines(run: Execution) -> list[dict[str, Any]]:
    return list(run.logs) if run.is_finished else live.read(run.id).logs


def _first_line(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise Invalid("This page address is not one of ours; start again from the first page.", field="cursor")
    return int(cursor)


def _wait(given: dict[str, Any]) -> float:
    wait = given.get("wait")
    if wait is True:
        return LONGEST_WAIT_S
    if not 0 <= (wait or 0) <= LONGEST_WAIT_S:
        raise Invalid("wait is true, false or a number of seconds up to %(most)s.", field="wait", most=LONGEST_WAIT_S)
    return float(wait or 0)


def _come_again(response: Response) -> Response:
    if response.status_code in (429, 503):
        response.headers["Retry-After"] = "1"
    return response
