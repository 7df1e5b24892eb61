"""/api/v1/dead-letters"""

from uuid import UUID

from flask import Response, url_for
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import Asked, contract
from blueprints.api.protocol import answer, api_blueprint, body, gone, listing, query
from blueprints.api.schemas import ANY, PAGED, PINNED_OR_CURRENT, SCRIPT, TIMED, choice, ref, takes, typed
from blueprints.api.shapes import dead_letter_summary, dead_letter_whole
from blueprints.guard import actor, requires
from services import dead_letters, replays
from services.dead_letters import Filters

bp = api_blueprint("dead_letters")

FILTERS = (
    Asked("state", choice(("open", "resolved", "all"), default="open"), _l("open, settled, or both")),
    SCRIPT,
    Asked("code", typed(30), _l("failed with this code")),
    Asked("type", typed(200), _l("of this event type")),
    *TIMED,
)


@bp.get("/dead-letters")
@requires("dead_letters.manage")
@contract(
    _l("List dead letters, newest first, without payloads"),
    {200: ref("DeadLetters")},
    also_needs=("executions.read",),
    asks=(*PAGED, *FILTERS),
)
def index() -> Response:
    asked = query()
    wanted = Filters(
        script_id=asked["script"], code=asked["code"] or "", event_type=asked["type"] or "", state=asked["state"],
        since=asked["since"], until=asked["until"],
    )  # fmt: skip
    return listing(dead_letters.page(actor(), wanted, asked["cursor"] or "", asked["limit"]), dead_letter_summary)


@bp.get("/dead-letters/<uuid:letter_id>")
@requires("dead_letters.manage")
@contract(
    _l("Get a dead letter with its payload and its error"), {200: ref("DeadLetter")}, also_needs=("executions.read",)
)
def show(letter_id: UUID) -> Response:
    return answer(dead_letter_whole(dead_letters.get(actor(), letter_id)))


@bp.post("/dead-letters/<uuid:letter_id>/replay")
@requires("dead_letters.manage")
@contract(_l("Deliver a dead letter again"), {202: ref("Replayed")}, headers=("Location",), refuses=(409,), takes=takes({
    "version": PINNED_OR_CURRENT, "data": ANY | {"description": "a corrected payload instead of what failed"},
}))  # fmt: skip
def replay(letter_id: UUID) -> Response:
    given = body()
    version = given.get("version", "pinned")
    if "data" in given:
        run = replays.replay_edited(actor(), letter_id, given["data"], version)
    else:
        run = replays.replay(actor(), letter_id, version)
    location = url_for("api_executions.show", execution_id=run.id)
    return answer({"execution_id": str(run.id), "version": run.version_number}, 202, location)


@bp.delete("/dead-letters/<uuid:letter_id>")
@requires("dead_letters.manage")
@contract(_l("Delete a dead letter"), {204: None}, also_needs=("executions.read",))
def delete(letter_id: UUID) -> Response:
    dead_letters.remove(actor(), letter_id)
    return gone()
