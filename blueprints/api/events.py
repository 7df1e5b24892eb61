"""/api/v1/events"""

from typing import Any

from flask import Response

from blueprints.api.protocol import answer, api_blueprint, body, member
from blueprints.guard import actor, requires
from services import backlog, events
from services.errors import Invalid
from services.events import Published

bp = api_blueprint("events")

MEMBERS = ("type", "data", "id")


@bp.post("/events")
@requires("scripts.execute")
def publish() -> Response:
    """One event, or `{"events": […]}`: kept and matched when this answers, performed soon after."""
    given = body((*MEMBERS, "events"))
    if "events" not in given:
        return _accepted(_facts(events.publish_batch(actor(), [given])[0]))
    if len(given) > 1:
        raise Invalid("A batch has nothing beside its events.", field="events")
    items = [_item(item) for item in member(given, "events", list)]
    return _accepted({"items": [_facts(one) for one in events.publish_batch(actor(), items)]})


def _item(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or not item.keys() <= set(MEMBERS):
        raise Invalid("An event has type, data and, if you like, an id.", field="events")
    return item


def _facts(published: Published) -> dict[str, Any]:
    return {"id": published.id, "matched": published.matched}


def _accepted(value: dict[str, Any]) -> Response:
    """Publishing goes on however much waits; a sender that can slow down is told."""
    response, waiting = answer(value, 202), backlog.measure()
    response.headers["X-Queue-Waiting"] = str(waiting.waiting)
    response.headers["X-Queue-Pressure"] = "high" if waiting.is_over_bound else "normal"
    return response
