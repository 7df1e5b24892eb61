from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Created, Identified, Json, utcnow
from models.tenancy import TenantOwned
from models.tenant import owner_fk


class Event(TenantOwned, Identified, Created, Base):
    """Something that happened in the business."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("tenant_id", "external_id"),  # the sender's id: the same event twice is one event
        Index("ix_events_tenant_id_created_at", "tenant_id", "created_at", "id"),
        Index("ix_events_tenant_id_type", "tenant_id", "type", "created_at"),
        Index("ix_events_tenant_id_cause_id", "tenant_id", "cause_id"),
        CheckConstraint("chain_depth >= 0", name="chain_depth_not_negative"),
        owner_fk(),
    )

    external_id: Mapped[str | None] = mapped_column(String(200))
    type: Mapped[str] = mapped_column(String(200))
    data: Mapped[Any | None] = mapped_column(Json, deferred=True)
    body_hash: Mapped[str] = mapped_column(String(64), default="")
    source: Mapped[str] = mapped_column(String(20), default="api")
    cause_id: Mapped[UUID | None]  # the run that published it
    chain_depth: Mapped[int] = mapped_column(default=0)
    matched: Mapped[int] = mapped_column(default=0)


class EventType(TenantOwned, Identified, Base):
    """The catalogue of types a tenant has seen, each with a sample to build filters on."""

    __tablename__ = "event_types"
    __table_args__ = (UniqueConstraint("tenant_id", "type"), owner_fk())

    type: Mapped[str] = mapped_column(String(200))
    sample: Mapped[Any | None] = mapped_column(Json, deferred=True)
    first_seen_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_seen_at: Mapped[datetime] = mapped_column(default=utcnow)
    seen: Mapped[int] = mapped_column(default=0)


class OutboxEntry(TenantOwned, Identified, Created, Base):
    """A run that was committed and still has to be handed to the queue."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_claimed_until", "claimed_until"), owner_fk())

    execution_id: Mapped[UUID] = mapped_column(ForeignKey("script_executions.id", ondelete="CASCADE"), index=True)
    claimed_until: Mapped[datetime | None]
