from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from models.base import Base, Created, Identified
from models.tenancy import TenantOwned


class AuditEntry(TenantOwned, Identified, Created, Base):
    """Who did what to what. Names are copied in, so that an entry outlives what it speaks of. Never changed."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_tenant_id_created_at", "tenant_id", "created_at", "id"),
        Index("ix_audit_entries_tenant_id_action", "tenant_id", "action", "created_at"),
        Index("ix_audit_entries_tenant_id_actor_id", "tenant_id", "actor_id", "created_at"),
        Index("ix_audit_entries_tenant_id_target_id", "tenant_id", "target_id", "created_at"),
    )

    tenant_id: Mapped[UUID | None] = mapped_column(sort_order=-9)  # type: ignore[assignment] # none: the whole installation
    action: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[UUID | None]
    actor_label: Mapped[str] = mapped_column(String(254), default="")
    target_type: Mapped[str] = mapped_column(String(40), default="")
    target_id: Mapped[str] = mapped_column(String(64), default="")
    target_label: Mapped[str] = mapped_column(String(254), default="")
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    request_id: Mapped[str] = mapped_column(String(64), default="")
    ip: Mapped[str] = mapped_column(String(45), default="")


@event.listens_for(AuditEntry, "before_update")
@event.listens_for(AuditEntry, "before_delete")
def _is_append_only(_mapper: Mapper[Any], _connection: Connection, _entry: AuditEntry) -> None:
    raise RuntimeError("audit entries are only ever added")
