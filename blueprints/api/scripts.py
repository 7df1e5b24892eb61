"""/api/v1/scripts"""

from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import Asked, contract
from blueprints.api.protocol import answer, api_blueprint, body, gone, listing, query, refuse_unless_matched
from blueprints.api.schemas import (
    BASE_VERSION,
    NOTE,
    PAGED,
    SCRIPT_MEMBERS,
    choice,
    ref,
    takes,
    typed,
)
from blueprints.api.shapes import script_summary, script_whole
from blueprints.guard import actor, requires
from models.script import Script
from services import script_lists, scripts, triggers
from services.meanwhile import mark_of
from services.script_lists import Filters
from services.scripts import Changes

bp = api_blueprint("scripts")

FILTERS = (
    Asked("words", typed(200), _l("have all of these words in name, description, tags or code")),
    Asked("tag", typed(40), _l("have this tag")),
    Asked("state", choice(("enabled", "disabled")), _l("are enabled or disabled")),
    Asked("trigger", choice((*triggers.KINDS, "none")), _l("have a trigger of this kind")),
    Asked("status", choice(script_lists.STATUSES), _l("whose last run ended like this")),
)


@bp.get("/scripts")
@requires("scripts.read")
@contract(_l("List scripts, last changed first, without their code"), {200: ref("Scripts")}, asks=(*PAGED, *FILTERS))
def index() -> Response:
    asked = query()
    wanted = Filters(**{each.name: asked[each.name] or "" for each in FILTERS})
    return listing(script_lists.newest(actor(), wanted, asked["cursor"] or "", asked["limit"]), script_summary)


@bp.post("/scripts")
@requires("scripts.create")
@contract(
    _l("Make a script"),
    {201: ref("Script")},
    takes=takes(SCRIPT_MEMBERS | {"note": NOTE}, "name"),
    refuses=(409,),
    tagged=True,
)
def create() -> Response:
    """Only its name is needed. It is enabled unless told otherwise, or unless its code does not parse."""
    given = body()
    script = scripts.create(actor(), _changes(given), given.get("note", ""))
    return _whole(script, 201, url_for("api_scripts.show", script_id=script.id))


@bp.get("/scripts/<uuid:script_id>")
@requires("scripts.read")
@contract(_l("Get a script with its code"), {200: ref("Script")}, tagged=True)
def show(script_id: UUID) -> Response:
    return _whole(scripts.get(actor(), script_id))


@bp.patch("/scripts/<uuid:script_id>")
@requires("scripts.update")
@contract(_l("Change what is given of a script"), {200: ref("Script")}, refuses=(409,), tagged=True, also_needs=("scripts.read",),
          conditional=True, takes=takes(SCRIPT_MEMBERS | {"note": NOTE, "base_version": BASE_VERSION}))  # fmt: skip
def update(script_id: UUID) -> Response:
    """Other code, parameters or limits make a version. Code that does not parse is kept and disables the script."""
    given = body()
    refuse_unless_matched(lambda: _tag(script_id))
    script = scripts.save(
        actor(), script_id, _changes(given), base_version=given.get("base_version"), note=given.get("note", "")
    )
    return _whole(script)


@bp.delete("/scripts/<uuid:script_id>")
@requires("scripts.delete")
@contract(
    _l("Delete a script: its triggers go, its history stays"),
    {204: None},
    conditional=True,
    also_needs=("scripts.read",),
)
def delete(script_id: UUID) -> Response:
    refuse_unless_matched(lambda: _tag(script_id))
    scripts.delete(actor(), script_id)
    return gone()


def _changes(given: dict[str, Any]) -> Changes:
    return Changes(**{name: given[name] for name in SCRIPT_MEMBERS if name in given})


def _tag(script_id: UUID) -> str:
    return mark_of(script_whole(scripts.hold(actor(), script_id)))


def _whole(script: Script, status: int = 200, location: str = "") -> Response:
    shown = script_whole(script)
    return answer(shown, status, location, mark_of(shown))
