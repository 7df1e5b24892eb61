"""/api/v1/scripts/{id}/subscriptions"""

from typing import Any
from uuid import UUID

from flask import Response, url_for

from blueprints.api.protocol import answer, api_blueprint, body, member
from blueprints.guard import actor, requires
from models.subscription import Subscription
from services import scripts, subscriptions
from services.errors import Invalid, NotFound

bp = api_blueprint("subscriptions")

WRITABLE = ("event_type", "filter", "enabled", "allow_self")


@bp.get("/scripts/<uuid:script_id>/subscriptions")
@requires("scripts.read")
def index(script_id: UUID) -> Response:
    scripts.get(actor(), script_id)
    rows = subscriptions.listed(actor(), script_id)
    return answer({"items": [subscriptions.as_json(row) for row in rows], "next_cursor": None})


@bp.post("/scripts/<uuid:script_id>/subscriptions")
@requires("triggers.manage")
def create(script_id: UUID) -> Response:
    given = body(WRITABLE)
    if "event_type" not in given:
        raise Invalid("A subscription needs an event_type.", field="event_type")
    row = subscriptions.create(
        actor(), script_id, given["event_type"], given.get("filter"), enabled=member(given, "enabled", bool, True),
        allow_self=member(given, "allow_self", bool, False),
    )  # fmt: skip
    return answer(
        subscriptions.as_json(row), 201, url_for("api_subscriptions.show", script_id=script_id, row_id=row.id)
    )


@bp.get("/scripts/<uuid:script_id>/subscriptions/<uuid:row_id>")
@requires("scripts.read")
def show(script_id: UUID, row_id: UUID) -> Response:
    return answer(subscriptions.as_json(_of(script_id, row_id)))


@bp.patch("/scripts/<uuid:script_id>/subscriptions/<uuid:row_id>")
@requires("triggers.manage")
def update(script_id: UUID, row_id: UUID) -> Response:
    changes: dict[str, Any] = body(WRITABLE)
    return answer(subscriptions.as_json(subscriptions.update(actor(), _of(script_id, row_id).id, changes)))


@bp.delete("/scripts/<uuid:script_id>/subscriptions/<uuid:row_id>")
@requires("triggers.manage")
def delete(script_id: UUID, row_id: UUID) -> Response:
    subscriptions.delete(actor(), _of(script_id, row_id).id)
    return Response(status=204)


def _of(script_id: UUID, row_id: UUID) -> Subscription:
    row = subscriptions.get(actor(), row_id)
    if row.script_id != script_id:
        raise NotFound("There is no such subscription.")
    return row
