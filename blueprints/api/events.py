"""/api/v1/events"""

from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import check_members, contract
from blueprints.api.protocol import answer, api_blueprint, body
from blueprints.api.schemas import EVENT, gives, items, ref, takes
from blueprints.guard import actor, requires
from services import backlog, events
from services.errors import Invalid
from services.events import MAX_BATCH, Published

bp = api_blueprint("events")

ONE = takes(EVENT, "type")
BATCH = takes({"events": items(ONE, MAX_BATCH, minItems=1)}, "events")
PRESSURE = ("X-Queue-Waiting", "X-Queue-Pressure")


@bp.post("/events")
@requires("scripts.execute")
@contract(_l("Publish an event, or a batch of them"),
          {202: {"anyOf": [ref("Published"), gives(items=items(ref("Published")))]}}, headers=PRESSURE,
          takes=takes(EVENT | BATCH["properties"], anyOf=[ONE, BATCH]))  # fmt: skip
def publish() -> Response:
    """Kept and matched when this answers, performed soon after. The same `id` again: the same answer, nothing new; with other
    content: 422. A batch is taken as a whole or not at all."""
    given = body()
    if "events" not in given:
        check_members(given, ONE)
        return _accepted(_facts(events.publish_batch(actor(), [given])[0]))
    check_members(given, BATCH)
    batch = [_item(item) for item in given["events"]]
    return _accepted({"items": [_facts(one) for one in events.publish_batch(actor(), batch)]})


def _item(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise Invalid("An event has type, data and, if you like, an id.", field="events")
    check_members(item, ONE)
    return item


def _facts(published: Published) -> dict[str, Any]:
    return {"id": published.id, "matched": published.matched}


def _accepted(value: dict[str, Any]) -> Response:
    """Publishing goes on however much waits; a sender that can slow down is told."""
    response, waiting = answer(value, 202), backlog.measure()
    response.headers["X-Queue-Waiting"] = str(waiting.waiting)
    response.headers["X-Queue-Pressure"] = "high" if waiting.is_over_bound else "normal"
    return response
