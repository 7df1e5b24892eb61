"""/api/v1/scripts/{id}/subscriptions"""

from uuid import UUID

from flask import Response, url_for
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import contract
from blueprints.api.protocol import answer, api_blueprint, body, gone, listing, query, refuse_unless_matched
from blueprints.api.schemas import PAGED, SUBSCRIPTION_MEMBERS, ref, takes
from blueprints.guard import actor, requires
from models.subscription import Subscription
from services import scripts, subscriptions, triggers
from services.errors import NotFound
from services.meanwhile import mark_of

bp = api_blueprint("subscriptions")


@bp.get("/scripts/<uuid:script_id>/subscriptions")
@requires("scripts.read")
@contract(_l("List the subscriptions of a script, newest first"), {200: ref("Subscriptions")}, asks=PAGED)
def index(script_id: UUID) -> Response:
    asked = query()
    scripts.get(actor(), script_id)
    return listing(
        triggers.page_of(script_id, Subscription, asked["cursor"] or "", asked["limit"]), subscriptions.as_json
    )


@bp.post("/scripts/<uuid:script_id>/subscriptions")
@requires("triggers.manage")
@contract(
    _l("Make a script run on events of a type that pass a filter"),
    {201: ref("Subscription")},
    takes=takes(SUBSCRIPTION_MEMBERS, "event_type"),
    refuses=(409,),
    tagged=True,
    also_needs=("scripts.read",),
)
def create(script_id: UUID) -> Response:
    given = body()
    row = subscriptions.create(
        actor(), script_id, given["event_type"], given.get("filter"), enabled=given.get("enabled", True),
        allow_self=given.get("allow_self", False),
    )  # fmt: skip
    return _whole(row, 201, url_for("api_subscriptions.show", script_id=script_id, row_id=row.id))


@bp.get("/scripts/<uuid:script_id>/subscriptions/<uuid:row_id>")
@requires("scripts.read")
@contract(_l("Get one subscription"), {200: ref("Subscription")}, tagged=True)
def show(script_id: UUID, row_id: UUID) -> Response:
    return _whole(_of(script_id, row_id))


@bp.patch("/scripts/<uuid:script_id>/subscriptions/<uuid:row_id>")
@requires("triggers.manage")
@contract(
    _l("Change what is given of a subscription"),
    {200: ref("Subscription")},
    takes=takes(SUBSCRIPTION_MEMBERS),
    tagged=True,
    conditional=True,
    also_needs=("scripts.read",),
)
def update(script_id: UUID, row_id: UUID) -> Response:
    given = body()
    refuse_unless_matched(lambda: _tag(script_id, row_id))
    return _whole(subscriptions.update(actor(), _of(script_id, row_id).id, given))


@bp.delete("/scripts/<uuid:script_id>/subscriptions/<uuid:row_id>")
@requires("triggers.manage")
@contract(_l("Delete a subscription"), {204: None}, conditional=True, also_needs=("scripts.read",))
def delete(script_id: UUID, row_id: UUID) -> Response:
    refuse_unless_matched(lambda: _tag(script_id, row_id))
    subscriptions.delete(actor(), _of(script_id, row_id).id)
    return gone()


def _of(script_id: UUID, row_id: UUID) -> Subscription:
    row = subscriptions.get(actor(), row_id)
    if row.script_id != script_id:
        raise NotFound("There is no such subscription.")
    return row


def _tag(script_id: UUID, row_id: UUID) -> str:
    scripts.hold(actor(), script_id)
    return mark_of(subscriptions.as_json(_of(script_id, row_id)))


def _whole(row: Subscription, status: int = 200, location: str = "") -> Response:
    shown = subscriptions.as_json(row)
    return answer(shown, status, location, mark_of(shown))
