"""/api/v1/scripts/{id}/schedules"""

from typing import Any
from uuid import UUID

from flask import Response, url_for

from blueprints.api.protocol import answer, api_blueprint, body
from blueprints.api.shapes import when
from blueprints.guard import actor, requires
from models.schedule import Schedule
from services import schedules
from services.errors import Invalid
from services.schedules import Changes

bp = api_blueprint("schedules")

WRITABLE = tuple(Changes.__dataclass_fields__)


@bp.get("/scripts/<uuid:script_id>/schedules")
@requires("scripts.read")
def index(script_id: UUID) -> Response:
    return answer({"items": [_shape(row) for row in schedules.listed(actor(), script_id)], "next_cursor": None})


@bp.post("/scripts/<uuid:script_id>/schedules")
@requires("triggers.manage")
def create(script_id: UUID) -> Response:
    given = body(WRITABLE)
    if "cron" not in given:
        raise Invalid("A schedule needs a cron expression.", field="cron")
    row = schedules.create(actor(), script_id, Changes(**given))
    return answer(_shape(row), 201, url_for("api_schedules.show", script_id=script_id, row_id=row.id))


@bp.get("/scripts/<uuid:script_id>/schedules/<uuid:row_id>")
@requires("scripts.read")
def show(script_id: UUID, row_id: UUID) -> Response:
    return answer(_shape(schedules.get(actor(), row_id, script_id)))


@bp.patch("/scripts/<uuid:script_id>/schedules/<uuid:row_id>")
@requires("triggers.manage")
def update(script_id: UUID, row_id: UUID) -> Response:
    row = schedules.get(actor(), row_id, script_id)
    return answer(_shape(schedules.update(actor(), row.id, Changes(**body(WRITABLE)))))


@bp.delete("/scripts/<uuid:script_id>/schedules/<uuid:row_id>")
@requires("triggers.manage")
def delete(script_id: UUID, row_id: UUID) -> Response:
    schedules.delete(actor(), schedules.get(actor(), row_id, script_id).id)
    return Response(status=204)


def _shape(row: Schedule) -> dict[str, Any]:
    return schedules.shown(row) | {
        "starts_at": when(row.starts_at),
        "ends_at": when(row.ends_at),
        "next_run_at": when(row.next_run_at) if row.enabled else None,
    }
