"""/api/v1/scripts"""

from typing import Any
from uuid import UUID

from flask import Response, request, url_for

from blueprints.api.protocol import answer, api_blueprint, body, limit, listing, member
from blueprints.api.shapes import script_summary, script_whole
from blueprints.guard import actor, requires
from services import scripts
from services.errors import Invalid
from services.scripts import Changes

bp = api_blueprint("scripts")

WRITABLE = ("name", "description", "source", "enabled", "tags", "metadata", "parameters", "limits", "retention",
            "sample_input")  # fmt: skip


@bp.get("/scripts")
@requires("scripts.read")
def index() -> Response:
    return listing(scripts.page(actor(), request.args.get("cursor", ""), limit()), script_summary)


@bp.post("/scripts")
@requires("scripts.create")
def create() -> Response:
    given = body((*WRITABLE, "note"))
    if "name" not in given:
        raise Invalid("A script needs a name.", field="name")
    script = scripts.create(actor(), _changes(given), _note(given))
    return answer(script_whole(script), 201, url_for("api_scripts.show", script_id=script.id))


@bp.get("/scripts/<uuid:script_id>")
@requires("scripts.read")
def show(script_id: UUID) -> Response:
    return answer(script_whole(scripts.get(actor(), script_id)))


@bp.patch("/scripts/<uuid:script_id>")
@requires("scripts.update")
def update(script_id: UUID) -> Response:
    """`base_version`, where given, refuses to overwrite what the caller has not seen."""
    given = body((*WRITABLE, "note", "base_version"))
    base_version = member(given, "base_version", int)
    script = scripts.save(actor(), script_id, _changes(given), base_version=base_version, note=_note(given))
    return answer(script_whole(script))


@bp.delete("/scripts/<uuid:script_id>")
@requires("scripts.delete")
def delete(script_id: UUID) -> Response:
    scripts.delete(actor(), script_id)
    return Response(status=204)


def _changes(given: dict[str, Any]) -> Changes:
    return Changes(**{name: given[name] for name in WRITABLE if name in given})


def _note(given: dict[str, Any]) -> str:
    return str(member(given, "note", str, ""))
