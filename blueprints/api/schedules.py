"""/api/v1/scripts/{id}/schedules"""

from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import contract
from blueprints.api.protocol import answer, api_blueprint, body, gone, listing, query, refuse_unless_matched, tag_of
from blueprints.api.schemas import PAGED, SCHEDULE_MEMBERS, ref, takes
from blueprints.api.shapes import when
from blueprints.guard import actor, requires
from models.schedule import Schedule
from services import schedules, scripts, triggers
from services.schedules import Changes

bp = api_blueprint("schedules")


@bp.get("/scripts/<uuid:script_id>/schedules")
@requires("scripts.read")
@contract(_l("List the schedules of a script, newest first"), {200: ref("Schedules")}, asks=PAGED)
def index(script_id: UUID) -> Response:
    asked = query()
    scripts.get(actor(), script_id)
    return listing(triggers.page_of(script_id, Schedule, asked["cursor"] or "", asked["limit"]), _shape)


@bp.post("/scripts/<uuid:script_id>/schedules")
@requires("triggers.manage")
@contract(
    _l("Make a script run at times"),
    {201: ref("Schedule")},
    takes=takes(SCHEDULE_MEMBERS, "cron"),
    refuses=(409,),
    tagged=True,
    also_needs=("scripts.read",),
)
def create(script_id: UUID) -> Response:
    row = schedules.create(actor(), script_id, Changes(**body()))
    return _whole(row, 201, url_for("api_schedules.show", script_id=script_id, row_id=row.id))


@bp.get("/scripts/<uuid:script_id>/schedules/<uuid:row_id>")
@requires("scripts.read")
@contract(_l("Get one schedule; “next_run_at” is null while it is paused or over"), {200: ref("Schedule")}, tagged=True)
def show(script_id: UUID, row_id: UUID) -> Response:
    return _whole(schedules.get(actor(), row_id, script_id))


@bp.patch("/scripts/<uuid:script_id>/schedules/<uuid:row_id>")
@requires("triggers.manage")
@contract(
    _l("Change what is given of a schedule"),
    {200: ref("Schedule")},
    takes=takes(SCHEDULE_MEMBERS),
    tagged=True,
    conditional=True,
    also_needs=("scripts.read",),
)
def update(script_id: UUID, row_id: UUID) -> Response:
    given = body()
    refuse_unless_matched(lambda: _held_tag(script_id, row_id))
    row = schedules.get(actor(), row_id, script_id)
    return _whole(schedules.update(actor(), row.id, Changes(**given)))


@bp.delete("/scripts/<uuid:script_id>/schedules/<uuid:row_id>")
@requires("triggers.manage")
@contract(_l("Delete a schedule"), {204: None}, conditional=True, also_needs=("scripts.read",))
def delete(script_id: UUID, row_id: UUID) -> Response:
    refuse_unless_matched(lambda: _held_tag(script_id, row_id))
    schedules.delete(actor(), schedules.get(actor(), row_id, script_id).id)
    return gone()


def _shape(row: Schedule) -> dict[str, Any]:
    return schedules.shown(row) | {
        "starts_at": when(row.starts_at),
        "ends_at": when(row.ends_at),
        "next_run_at": when(row.next_run_at) if row.enabled else None,
    }


def _tag(row: Schedule) -> str:
    shape = _shape(row)
    return tag_of(shape, {"next_run_at": shape.pop("next_run_at")})


def _held_tag(script_id: UUID, row_id: UUID) -> str:
    scripts.hold(actor(), script_id)
    return _tag(schedules.get(actor(), row_id, script_id))


def _whole(row: Schedule, status: int = 200, location: str = "") -> Response:
    return answer(_shape(row), status, location, _tag(row))
