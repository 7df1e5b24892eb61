"""Who did what to what. An entry is added in the caller's transaction: no deed without its entry, no entry without a deed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

import logs
from models.audit_entry import AuditEntry
from models.base import db
from models.tenancy import as_system
from services import retention
from services.identity import Principal, require
from services.paging import Page, keyset


@dataclass(frozen=True)
class Target:
    type: str
    id: UUID | str = ""
    label: str = ""


def record(
    actor: Principal | None,
    action: str,
    target: Target | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    tenant_id: UUID | None = None,
    actor_label: str = "",
) -> None:
    """`tenant_id` only where nobody acts yet (sign-in); otherwise the entry belongs to the tenant acted in."""
    acting_in = actor.tenant.id if actor and actor.tenant else None
    before, after = _changed(before, after)
    db.session.add(AuditEntry(
        tenant_id=tenant_id or acting_in, action=action,
        actor_id=actor.id if actor else None, actor_label=actor.email if actor else actor_label[:254],
        target_type=target.type if target else "", target_id=str(target.id) if target else "",
        target_label=target.label[:254] if target else "",
        before=before, after=after, request_id=logs.request_id.get(), ip=logs.remote_ip.get(),
    ))  # fmt: skip


def _changed(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """With both sides given, only what differs is worth keeping."""
    if before is None or after is None:
        return (dict(before) if before is not None else None), (dict(after) if after is not None else None)
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return {key: before.get(key) for key in keys}, {key: after.get(key) for key in keys}


@dataclass(frozen=True)
class Filters:
    action: str = ""
    actor: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(actor: Principal, filters: Filters, cursor: str = "", limit: int = 50) -> Page[AuditEntry]:
    require(actor, "audit.read")
    query = select(AuditEntry)
    if filters.action:
        # "user" finds user.invited and user.updated; "user.invited" only itself.
        query = query.where(
            (AuditEntry.action == filters.action) | AuditEntry.action.startswith(f"{filters.action}.", autoescape=True)
        )
    if filters.actor:
        query = query.where(AuditEntry.actor_label.icontains(filters.actor, autoescape=True))
    if filters.target:
        query = query.where(
            (AuditEntry.target_id == filters.target)
            | AuditEntry.target_label.icontains(filters.target, autoescape=True)
        )
    if filters.since:
        query = query.where(AuditEntry.created_at >= filters.since)
    if filters.until:
        query = query.where(AuditEntry.created_at < filters.until)
    return keyset(query, AuditEntry.created_at, AuditEntry.id, cursor, limit)


def actions(actor: Principal) -> list[str]:
    require(actor, "audit.read")
    return list(db.session.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)))


def prune() -> None:
    """Entries past each tenant's retention go, and those of the whole installation past the usual one."""
    retention.prune("audit", AuditEntry.created_at)
    with as_system(db.session):
        retention.remove(AuditEntry.created_at, retention.DAYS["audit"], AuditEntry.tenant_id.is_(None))
