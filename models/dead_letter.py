from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Json, utcnow
from models.tenancy import TenantOwned
from models.tenant import owner_fk, tenant_fk

RESOLUTIONS = ("replayed", "resolved")
_OPEN = text("resolved_at IS NULL")
_REPLAYED = text("replayed_as IS NOT NULL")


class DeadLetter(TenantOwned, Identified, Base):
    """A delivery that failed for good, with all that is needed to understand and replay it."""

    __tablename__ = "script_event_dead_letters"
    __table_args__ = (
        Index("ix_script_event_dead_letters_tenant_id_failed_at", "tenant_id", "failed_at", "id"),
        Index("ix_script_event_dead_letters_tenant_id_script_id", "tenant_id", "script_id", "error_code", "error_frame"),
        Index("ix_script_event_dead_letters_open", "tenant_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_script_event_dead_letters_replayed_as", "tenant_id", "replayed_as",
              sqlite_where=_REPLAYED, postgresql_where=_REPLAYED),
        owner_fk(),
        tenant_fk("script_id", "scripts", ondelete="CASCADE"),
    )  # fmt: skip

    script_id: Mapped[UUID]
    subscription_id: Mapped[UUID | None]
    # Indexed for what is removed there: a foreign key looks for its rows by this column alone.
    execution_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("script_executions.id", ondelete="SET NULL"), index=True
    )
    event_id: Mapped[UUID | None] = mapped_column(ForeignKey("events.id", ondelete="SET NULL"), index=True)
    event_type: Mapped[str] = mapped_column(String(200), default="")
    event_data: Mapped[Any | None] = mapped_column(Json, deferred=True)
    version_number: Mapped[int]
    error: Mapped[dict[str, Any]] = mapped_column(default=dict, deferred=True)
    error_code: Mapped[str] = mapped_column(String(30), default="")
    error_frame: Mapped[str] = mapped_column(String(200), default="")
    error_message: Mapped[str] = mapped_column(String(500), default="")
    attempts: Mapped[int] = mapped_column(default=1)
    failed_at: Mapped[datetime] = mapped_column(default=utcnow)
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    resolution: Mapped[str] = mapped_column(String(20), default="")  # or one of RESOLUTIONS
    replayed_as: Mapped[UUID | None]  # the run that delivers it again; it may be past its retention
    note: Mapped[str] = mapped_column(String(500), default="")
