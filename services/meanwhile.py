"""Two people change one thing: who saves second is told who was first, and decides."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from models.audit_entry import AuditEntry
from models.base import db
from services.errors import Conflict

_LOOKED_THROUGH = 20


def mark_of(facts: Mapping[str, Any]) -> str:
    """Whoever has the mark of what they saw can tell later whether it is still so."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


class Changed(Conflict):
    """Since the author began. Who and when comes from the audit log, which may have forgotten."""

    def __init__(self, entry: AuditEntry | None) -> None:
        super().__init__("Somebody else changed it meanwhile.")
        self.by_id: UUID | None = entry.actor_id if entry else None
        self.by_label: str = entry.actor_label if entry else ""
        self.at: datetime | None = entry.created_at if entry else None


def changed(kind: str, row_id: UUID, *passing: str) -> Changed:
    """To be raised: what was filled in is undone first. Changes of nothing but what is `passing` are not meant."""
    db.session.rollback()
    query = select(AuditEntry).where(AuditEntry.target_type == kind, AuditEntry.target_id == str(row_id))
    latest = db.session.scalars(
        query.order_by(AuditEntry.created_at.desc(), AuditEntry.id.desc()).limit(_LOOKED_THROUGH)
    )
    return Changed(next((entry for entry in latest if set(entry.after or ()) - set(passing)), None))
