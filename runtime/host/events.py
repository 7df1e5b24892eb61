"""sdk.events: publishes a business event. Who subscribes, and what becomes of it, is the granted publisher's business."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runtime.errors import HostError

TYPE = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+){0,2}")
MAX_TYPE = 200


class GrantedEvents(Protocol):
    def publish(self, type: str, data: Any) -> str:
        """The id of the event."""


class Grants(Protocol):
    @property
    def events(self) -> GrantedEvents: ...


class EventsApi:
    name = "events"

    def bind(self, grants: Grants) -> Mapping[str, Callable[..., Any]]:
        def publish(type: object = None, data: Any = None, *_: object) -> dict[str, str]:
            return {"id": grants.events.publish(_type(type), data)}

        return {"publish": publish}


def _type(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TYPE or not TYPE.fullmatch(value):
        raise HostError("INVALID_INPUT", "sdk.events: a type has up to three parts, such as sales.order.paid")
    return value
