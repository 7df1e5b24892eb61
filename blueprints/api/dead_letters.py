"""/api/v1/dead-letters"""

from typing import Any
from uuid import UUID

from flask import Response, request, url_for

from blueprints.api.protocol import answer, api_blueprint, body, limit, listing, member
from blueprints.api.shapes import when
from blueprints.guard import actor, requires
from models.dead_letter import DeadLetter
from services import dead_letters
from services.dead_letters import Filters
from services.errors import Invalid

bp = api_blueprint("dead_letters")

STATES = ("open", "resolved", "all")


@bp.get("/dead-letters")
@requires("dead_letters.manage")
def index() -> Response:
    """Newest first, without payloads."""
    given = request.args
    if given.get("state", "open") not in STATES:
        raise Invalid("The state is open, resolved or all.", field="state")
    wanted = Filters(
        script_id=given.get("script", type=UUID), code=given.get("code", ""), event_type=given.get("type", ""),
        state=given.get("state", "open"),
    )  # fmt: skip
    return listing(dead_letters.page(actor(), wanted, given.get("cursor", ""), limit()), _summary)


@bp.get("/dead-letters/<uuid:letter_id>")
@requires("dead_letters.manage")
def show(letter_id: UUID) -> Response:
    letter = dead_letters.get(actor(), letter_id)
    return answer(_summary(letter) | {"event_data": letter.event_data, "error": letter.error})


@bp.post("/dead-letters/<uuid:letter_id>/replay")
@requires("dead_letters.manage")
def replay(letter_id: UUID) -> Response:
    """On the version that failed or the current one; with `data`, that instead of what failed."""
    given = body(("version", "data"))
    version = member(given, "version", str, "pinned")
    if "data" in given:
        run = dead_letters.replay_edited(actor(), letter_id, given["data"], version)
    else:
        run = dead_letters.replay(actor(), letter_id, version)
    location = url_for("api_executions.show", execution_id=run.id)
    return answer({"execution_id": str(run.id), "version": run.version_number}, 202, location)


@bp.delete("/dead-letters/<uuid:letter_id>")
@requires("dead_letters.manage")
def delete(letter_id: UUID) -> Response:
    dead_letters.remove(actor(), letter_id)
    return Response(status=204)


def _summary(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": str(letter.id), "script_id": str(letter.script_id),
        "execution_id": str(letter.execution_id) if letter.execution_id else None, "event_type": letter.event_type,
        "version": letter.version_number, "error": {"code": letter.error_code, "message": letter.error_message},
        "attempts": letter.attempts, "failed_at": when(letter.failed_at), "resolved_at": when(letter.resolved_at),
        "resolution": letter.resolution, "note": letter.note,
    }  # fmt: skip
