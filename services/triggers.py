"""What makes a script run by itself, as one document: kept with every version, shown in lists, compared in diffs."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from models.base import db
from models.endpoint import Endpoint, EndpointRoute
from models.schedule import Schedule
from models.script import Script
from models.subscription import Subscription
from services.paging import Page, keyset

KINDS: dict[str, Any] = {"schedules": Schedule, "endpoints": Endpoint, "subscriptions": Subscription}


def facts(script_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """What a version keeps of them: their settings, not their state."""
    return facts_of([script_id])[script_id]


def facts_of(script_ids: Iterable[UUID]) -> dict[UUID, dict[str, list[dict[str, Any]]]]:
    """The same of many scripts, in as many queries as of one."""
    found: dict[UUID, dict[str, list[dict[str, Any]]]] = {id_: {kind: [] for kind in KINDS} for id_ in script_ids}
    for kind, model in KINDS.items():
        for row in db.session.scalars(select(model).where(model.script_id.in_(found)).order_by(model.id)):
            found[row.script_id][kind].append(_FACTS[kind](row))
    return found


def schedule_facts(row: Schedule) -> dict[str, Any]:
    return {
        "id": str(row.id), "cron": row.cron, "timezone": row.timezone, "input": row.input, "enabled": row.enabled,
        "overlap": row.overlap, "misfire": row.misfire, "jitter_seconds": row.jitter_seconds,
        "starts_at": row.starts_at.isoformat() if row.starts_at else None,
        "ends_at": row.ends_at.isoformat() if row.ends_at else None,
    }  # fmt: skip


def endpoint_facts(row: Endpoint) -> dict[str, Any]:
    return {
        "id": str(row.id), "path": row.path, "methods": list(row.methods), "auth": row.auth, "mode": row.mode,
        "enabled": row.enabled, "options": dict(row.options),
    }  # fmt: skip


def subscription_facts(row: Subscription) -> dict[str, Any]:
    return {
        "id": str(row.id), "event_type": row.event_type, "filter": row.filter, "enabled": row.enabled,
        "allow_self": row.allow_self,
    }  # fmt: skip


_FACTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "schedules": schedule_facts, "endpoints": endpoint_facts, "subscriptions": subscription_facts,
}  # fmt: skip


def kinds(script_ids: Iterable[UUID]) -> dict[UUID, dict[str, int]]:
    """How many of each kind the scripts have, for badges."""
    counts: dict[UUID, dict[str, int]] = defaultdict(dict)
    wanted = list(script_ids)
    for kind, model in KINDS.items():
        for script_id in db.session.scalars(select(model.script_id).where(model.script_id.in_(wanted))):
            counts[script_id][kind] = counts[script_id].get(kind, 0) + 1
    return counts


def page_of(script_id: UUID, model: Any, cursor: str, limit: int) -> Page[Any]:
    """Those of one kind that a script has, newest first."""
    return keyset(select(model).where(model.script_id == script_id), model.created_at, model.id, cursor, limit)


def page(model: Any, cursor: str, limit: int) -> tuple[Page[Any], dict[UUID, Script]]:
    """Those of one kind in the whole tenant, newest first, and their scripts."""
    found = keyset(select(model), model.created_at, model.id, cursor, limit)
    wanted = {row.script_id for row in found.rows}
    return found, {script.id: script for script in db.session.scalars(select(Script).where(Script.id.in_(wanted)))}


def remove_all(script_id: UUID) -> dict[str, int]:
    """In the caller's transaction; answers how many of each went."""
    gone = {kind: len(_rows(model, script_id)) for kind, model in KINDS.items()}
    routed = select(Endpoint.id).where(Endpoint.script_id == script_id)
    db.session.execute(delete(EndpointRoute).where(EndpointRoute.endpoint_id.in_(routed)))
    for model in KINDS.values():
        db.session.execute(delete(model).where(model.script_id == script_id))
    return gone


def _rows(model: Any, script_id: UUID) -> list[Any]:
    return list(db.session.scalars(select(model).where(model.script_id == script_id).order_by(model.id)))
