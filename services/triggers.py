"""What makes a script run by itself, as one document: kept with every version, shown in lists, compared in diffs."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from models.base import db
from models.endpoint import Endpoint, EndpointRoute
from models.schedule import Schedule
from models.subscription import Subscription

KINDS = {"schedules": Schedule, "endpoints": Endpoint, "subscriptions": Subscription}


def facts(script_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """What a version keeps of them: their settings, not their state."""
    return {
        "schedules": [schedule_facts(row) for row in _rows(Schedule, script_id)],
        "endpoints": [endpoint_facts(row) for row in _rows(Endpoint, script_id)],
        "subscriptions": [subscription_facts(row) for row in _rows(Subscription, script_id)],
    }


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


def kinds(script_ids: Iterable[UUID]) -> dict[UUID, dict[str, int]]:
    """How many of each kind the scripts have, for badges."""
    counts: dict[UUID, dict[str, int]] = defaultdict(dict)
    wanted = list(script_ids)
    for kind, model in KINDS.items():
        for script_id in db.session.scalars(select(model.script_id).where(model.script_id.in_(wanted))):
            counts[script_id][kind] = counts[script_id].get(kind, 0) + 1
    return counts


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
