"""The catalogue of event types of a tenant: learned from what arrives, each with a sample to build filters on."""

import re
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.event import Event, EventType
from models.ids import uuid7
from models.tenancy import bound_to
from services.errors import Invalid
from services.filter_index import EVERYTHING, OWN, REST
from services.identity import Principal, require

MAX_LENGTH = 200
# Writing on every event would make all publishers of a type wait for one row.
LEARN_EVERY_S = 10.0

_TYPE = re.compile(r"[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*")
_learned: dict[tuple[int, UUID, str], tuple[float | None, int]] = {}
_lock = threading.Lock()

_SCRIPT = {"id": "0198c1f2-7a10-7c3e-b1d2-4f5a6b7c8d9e", "name": "Price new orders", "version": 7, "enabled": True}
_RUN = {"id": "0198c1f2-9b20-7d4f-a3c4-5e6f7a8b9c0d", "script": {"id": _SCRIPT["id"], "name": _SCRIPT["name"]}}
_FAILURE = {"code": "RUNTIME_ERROR", "message": "order has no client"}
_USER = {"id": "0198c1f2-5c30-7e5a-95d6-6f7a8b9c0d1e", "email": "timur@acme.test"}
# What the workbench itself publishes.
OWN_TYPES: dict[str, Any] = {
    **{f"{OWN}script.{verb}": _SCRIPT for verb in ("created", "updated", "deleted", "enabled", "disabled")},
    f"{OWN}execution.succeeded": {**_RUN, "error": None},
    **{f"{OWN}execution.{verb}": {**_RUN, "error": _FAILURE} for verb in ("failed", "timed_out", "dead")},
    **{f"{OWN}user.{verb}": _USER for verb in ("created", "updated")},
}


@dataclass(frozen=True)
class KnownType:
    type: str
    sample: Any
    seen: int


def check(event_type: object) -> str:
    """A type as events have it."""
    if not isinstance(event_type, str) or len(event_type) > MAX_LENGTH or not _TYPE.fullmatch(event_type):
        raise Invalid("An event type is written like order.created: letters, digits, _ - : and dots.", field="type")
    return event_type


def check_pattern(pattern: object) -> str:
    """A type as subscriptions have it: `order.created`, `order.*` or `*`."""
    if pattern == EVERYTHING:
        return EVERYTHING
    fits = isinstance(pattern, str) and len(pattern) <= MAX_LENGTH
    try:
        check(str(pattern).removesuffix(REST) if fits else pattern)
    except Invalid:
        raise Invalid("Write an event type like order.created, order.* or *.", field="event_type") from None
    return str(pattern)


def catalogue(actor: Principal, begins: str = "", limit: int = 50) -> list[KnownType]:
    """What has been seen here, latest first, then what the workbench itself publishes."""
    require(actor, "scripts.read")
    query = select(EventType).where(begins_with(EventType.type, begins)).options(undefer(EventType.sample))
    rows = db.session.scalars(query.order_by(EventType.last_seen_at.desc()).limit(limit))
    found = {row.type: KnownType(row.type, row.sample, row.seen) for row in rows}
    for name, sample in OWN_TYPES.items():
        if name.startswith(begins) and name not in found:
            found[name] = KnownType(name, sample, 0)
    return list(found.values())[:limit]


def sample(actor: Principal, pattern: str) -> Any:
    """An event's data to try a filter on: the latest that the pattern covers, or one of our own making."""
    begins = pattern.removesuffix("*")
    known = catalogue(actor, begins, 20)
    exact = [kind for kind in known if kind.type == pattern]
    return (exact or known)[0].sample if known else None


def begins_with(column: Any, text: str) -> ColumnElement[bool]:
    """As routing compares types: with an eye for case, which SQLite's LIKE has not."""
    return func.substr(column, 1, len(text)) == text


def learn(event: Event) -> None:
    """In the publisher's transaction; at most every few seconds for each type."""
    key = id(db.engine), _tenant(), event.type
    with _lock:
        written, unwritten = _learned.get(key, (None, 0))
        is_due = written is None or time.monotonic() - written > LEARN_EVERY_S
        _learned[key] = (time.monotonic(), 0) if is_due else (written, unwritten + 1)
    if is_due:
        _write(event, unwritten + 1)


def _tenant() -> UUID:
    tenant = bound_to(db.session)
    if not isinstance(tenant, UUID):
        raise RuntimeError("events are published within a tenant")
    return tenant


def _write(event: Event, seen: int) -> None:
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    row = insert(EventType).values(
        id=uuid7(), tenant_id=_tenant(), type=event.type, sample=event.data, first_seen_at=utcnow(),
        last_seen_at=utcnow(), seen=seen,
    )  # fmt: skip
    db.session.execute(row.on_conflict_do_update(
        index_elements=["tenant_id", "type"],
        set_={"sample": row.excluded.sample, "last_seen_at": row.excluded.last_seen_at,
              "seen": EventType.seen + row.excluded.seen},
    ))  # fmt: skip
