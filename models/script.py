from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Select, String, Text, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Json, Timestamped
from models.tenancy import TenantOwned
from models.tenant import owner_fk, tenant_fk

# Names are unique among the living, so a deleted script's name is free again.
_ALIVE = text("deleted_at IS NULL")


class Script(TenantOwned, Identified, Timestamped, Base):
    __tablename__ = "scripts"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        Index("uq_scripts_tenant_id_name_key", "tenant_id", "name_key", unique=True,
              sqlite_where=_ALIVE, postgresql_where=_ALIVE),
        Index("ix_scripts_tenant_id_updated_at", "tenant_id", "updated_at", "id"),
        Index("ix_scripts_tenant_id_last_run_at", "tenant_id", "last_run_at", "last_status", "enabled", "id",
              sqlite_where=_ALIVE, postgresql_where=_ALIVE),
        Index("ix_scripts_tenant_id_deleted_at", "tenant_id", "deleted_at", "enabled", "last_status", "id"),
        CheckConstraint("version >= 1", name="version_positive"),
        owner_fk(),
    )  # fmt: skip

    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(200))  # casefolded; folding may lengthen
    description: Mapped[str] = mapped_column(String(2000), default="")
    source: Mapped[str] = mapped_column(Text, default="", deferred=True)
    enabled: Mapped[bool] = mapped_column(default=False)
    has_syntax_error: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    parameters: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tags: Mapped[list[str]] = mapped_column(default=list)
    extra: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    sample_input: Mapped[Any | None] = mapped_column(Json)
    retention: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    deleted_at: Mapped[datetime | None]
    # For sorting and filtering lists; within a few seconds of the truth, which is in the runs.
    last_run_at: Mapped[datetime | None]
    last_status: Mapped[str] = mapped_column(String(10), default="", server_default="")

    @staticmethod
    def alive() -> Select["Script"]:
        return select(Script).where(Script.deleted_at.is_(None))


class ScriptText(TenantOwned, Base):
    """All the words of a living script in one casefolded text: searching reads this table and not the large rows."""

    __tablename__ = "script_texts"
    __table_args__ = (owner_fk(), tenant_fk("script_id", "scripts", ondelete="CASCADE"))

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-9)
    script_id: Mapped[UUID] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)

    @staticmethod
    def of(script: Script) -> "ScriptText":
        words = (script.name, script.description, " ".join(script.tags), script.source)
        return ScriptText(script_id=script.id, text="\n".join(words).casefold())
