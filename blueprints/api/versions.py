"""/api/v1/scripts/{id}/versions and /api/v1/scripts/validate"""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Response
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import contract
from blueprints.api.protocol import answer, api_blueprint, body, query
from blueprints.api.schemas import BASE_VERSION, NOTE, PAGED, SCRIPT_MEMBERS, ref, takes
from blueprints.api.shapes import script_whole, version_summary, version_whole
from blueprints.guard import actor, requires
from services import scripts, validation, versions
from services.errors import Invalid
from services.meanwhile import mark_of
from services.validation import Problem

bp = api_blueprint("versions")


@bp.get("/scripts/<uuid:script_id>/versions")
@requires("scripts.read")
@contract(
    _l("List the versions of a script, newest first, without their code"),
    {200: ref("Versions")},
    asks=PAGED,
)
def index(script_id: UUID) -> Response:
    """Those of a deleted script stay readable."""
    asked = query()
    scripts.get(actor(), script_id, deleted=True)
    found = versions.listed(actor(), script_id, _before(asked["cursor"]), asked["limit"] + 1)
    rows = found[: asked["limit"]]
    cursor = str(rows[-1].number) if len(found) > len(rows) else None
    return answer({"items": [version_summary(row) for row in rows], "next_cursor": cursor})


@bp.get("/scripts/<uuid:script_id>/versions/<int:number>")
@requires("scripts.read")
@contract(_l("Get one version of a script: its code, parameters, limits and triggers"), {200: ref("Version")})
def show(script_id: UUID, number: int) -> Response:
    scripts.get(actor(), script_id, deleted=True)
    return answer(version_whole(versions.get(actor(), script_id, number)))


@bp.post("/scripts/<uuid:script_id>/versions/<int:number>/restore")
@requires("scripts.update")
@contract(
    _l("Make a new version of a script out of an old one"),
    {200: ref("Script")},
    takes=takes({"base_version": BASE_VERSION, "note": NOTE}),
    also_needs=("scripts.read",),
    refuses=(409,),
    tagged=True,
)
def restore(script_id: UUID, number: int) -> Response:
    """Code, parameters and limits come back; triggers stay as they are."""
    given = body()
    script = scripts.restore(actor(), script_id, number, given.get("base_version"), given.get("note", ""))
    shown = script_whole(script)
    return answer(shown, tag=mark_of(shown))


@bp.post("/scripts/validate")
@requires("scripts.read")
@contract(
    _l("Check code without keeping it"),
    {200: ref("Validation")},
    takes=takes({"source": SCRIPT_MEMBERS["source"]}, "source"),
)
def validate() -> Response:
    """Syntax errors are the engine's own; names that scripts do not have are warnings."""
    source = body()["source"]
    if len(source.encode("utf-8", "surrogatepass")) > scripts.MAX_SOURCE_BYTES:
        raise Invalid("The code has more than %(most)s bytes.", field="source", most=scripts.MAX_SOURCE_BYTES)
    problems = validation.validate(source)
    is_valid = all(problem.severity != "error" for problem in problems)
    return answer({"valid": is_valid, "problems": [_shape(problem) for problem in problems]})


def _shape(problem: Problem) -> dict[str, Any]:
    shown = asdict(problem)
    name = shown.pop("name")
    return shown | {"message": problem.message % {"name": name} if name else problem.message}


def _before(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and int(cursor) <= versions.LARGEST):
        raise Invalid("This page address is not one of ours; start again from the first page.", field="cursor")
    return int(cursor)
