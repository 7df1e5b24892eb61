"""/api/v1/scripts/{id}/endpoints"""

from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import contract
from blueprints.api.protocol import answer, api_blueprint, body, gone, listing, query, refuse_unless_matched
from blueprints.api.schemas import ENDPOINT_MEMBERS, PAGED, ref, takes
from blueprints.guard import actor, requires
from models.endpoint import Endpoint
from services import endpoints, scripts, triggers
from services.endpoints import Changes
from services.meanwhile import mark_of

bp = api_blueprint("endpoints")


@bp.get("/scripts/<uuid:script_id>/endpoints")
@requires("scripts.read")
@contract(_l("List the endpoints of a script, newest first"), {200: ref("Endpoints")}, asks=PAGED)
def index(script_id: UUID) -> Response:
    asked = query()
    scripts.get(actor(), script_id)
    return listing(triggers.page_of(script_id, Endpoint, asked["cursor"] or "", asked["limit"]), _shape)


@bp.post("/scripts/<uuid:script_id>/endpoints")
@requires("triggers.manage")
@contract(
    _l("Make a script answer at an address; 409 names the script that answers there already"),
    {201: ref("Endpoint")},
    takes=takes(ENDPOINT_MEMBERS, "path"),
    refuses=(409,),
    tagged=True,
    also_needs=("scripts.read",),
)
def create(script_id: UUID) -> Response:
    row = endpoints.create(actor(), script_id, Changes(**body()))
    return _whole(row, 201, url_for("api_endpoints.show", script_id=script_id, row_id=row.id))


@bp.get("/scripts/<uuid:script_id>/endpoints/<uuid:row_id>")
@requires("scripts.read")
@contract(_l("Get one endpoint"), {200: ref("Endpoint")}, tagged=True)
def show(script_id: UUID, row_id: UUID) -> Response:
    return _whole(endpoints.get(actor(), row_id, script_id))


@bp.patch("/scripts/<uuid:script_id>/endpoints/<uuid:row_id>")
@requires("triggers.manage")
@contract(
    _l("Change what is given of an endpoint; options are replaced as a whole"),
    {200: ref("Endpoint")},
    takes=takes(ENDPOINT_MEMBERS),
    refuses=(409,),
    tagged=True,
    conditional=True,
    also_needs=("scripts.read",),
)
def update(script_id: UUID, row_id: UUID) -> Response:
    given = body()
    refuse_unless_matched(lambda: _held_tag(script_id, row_id))
    row = endpoints.get(actor(), row_id, script_id)
    return _whole(endpoints.update(actor(), row.id, Changes(**given)))


@bp.delete("/scripts/<uuid:script_id>/endpoints/<uuid:row_id>")
@requires("triggers.manage")
@contract(
    _l("Delete an endpoint: its address answers 404 from then on"),
    {204: None},
    conditional=True,
    also_needs=("scripts.read",),
)
def delete(script_id: UUID, row_id: UUID) -> Response:
    refuse_unless_matched(lambda: _held_tag(script_id, row_id))
    endpoints.delete(actor(), endpoints.get(actor(), row_id, script_id).id)
    return gone()


def _shape(row: Endpoint) -> dict[str, Any]:
    return triggers.endpoint_facts(row)


def _held_tag(script_id: UUID, row_id: UUID) -> str:
    scripts.hold(actor(), script_id)
    return mark_of(_shape(endpoints.get(actor(), row_id, script_id)))


def _whole(row: Endpoint, status: int = 200, location: str = "") -> Response:
    shape = _shape(row)
    return answer(shape, status, location, mark_of(shape))
