from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Json, Timestamped
from models.tenancy import TenantOwned
from models.tenant import owner_fk


class KvEntry(TenantOwned, Identified, Timestamped, Base):
    """A small durable fact under a key: what `sdk.once` did, which request an idempotency key stood for."""

    __tablename__ = "kv_entries"
    __table_args__ = (
        UniqueConstraint("tenant_id", "space", "key"),
        Index("ix_kv_entries_expires_at", "expires_at"),
        owner_fk(),
    )

    space: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(200))
    value: Mapped[Any | None] = mapped_column(Json)
    holder: Mapped[str] = mapped_column(String(64), default="")  # who is at it now; empty when done
    expires_at: Mapped[datetime | None]
