from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Created, Identified
from models.tenancy import TenantOwned
from models.tenant import owner_fk, tenant_fk


class ScriptVersion(TenantOwned, Identified, Created, Base):
    """What a script was at one moment: code, parameters, limits and triggers. Never changed, only marked."""

    __tablename__ = "script_versions"
    __table_args__ = (
        UniqueConstraint("tenant_id", "script_id", "number"),
        CheckConstraint("number >= 1", name="number_positive"),
        owner_fk(),
        tenant_fk("script_id", "scripts", ondelete="CASCADE"),
    )

    script_id: Mapped[UUID]
    number: Mapped[int]
    source: Mapped[str] = mapped_column(Text, deferred=True)
    source_hash: Mapped[str] = mapped_column(String(64))  # SHA-256 in hex
    parameters: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    triggers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    note: Mapped[str] = mapped_column(String(500), default="")
    restored_from: Mapped[int | None]
    lines_added: Mapped[int] = mapped_column(default=0)
    lines_removed: Mapped[int] = mapped_column(default=0)
    is_milestone: Mapped[bool] = mapped_column(default=False)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
