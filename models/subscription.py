from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Timestamped
from models.tenancy import TenantOwned
from models.tenant import owner_fk, tenant_fk


class Subscription(TenantOwned, Identified, Timestamped, Base):
    """A script's wish to run on events of a type (`order.created`, `order.*`, `*`) that pass its filter."""

    __tablename__ = "script_event_subscriptions"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        Index("ix_script_event_subscriptions_tenant_id_enabled", "tenant_id", "enabled", "event_type"),
        Index("ix_script_event_subscriptions_tenant_id_script_id", "tenant_id", "script_id"),
        owner_fk(),
        tenant_fk("script_id", "scripts", ondelete="CASCADE"),
    )

    script_id: Mapped[UUID]
    event_type: Mapped[str] = mapped_column(String(200))
    filter: Mapped[dict[str, Any] | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    allow_self: Mapped[bool] = mapped_column(default=False)  # may react to events its own runs published
