from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Created, Identified, Json, Timestamped
from models.execution import one_of
from models.tenancy import TenantOwned
from models.tenant import owner_fk, tenant_fk

OVERLAPS = ("skip", "queue", "allow")
MISFIRES = ("skip", "once")
OUTCOMES = ("ran", "skipped")
SKIP_REASONS = ("", "overlap", "misfire", "paused", "disabled", "quota", "down", "clock_change")

_ARMED = text("next_run_at IS NOT NULL")
_UNARMED = text("next_run_at IS NULL")
# Its turn has come, but the run before it has not ended.
_WAITING = text("outcome = 'ran' AND execution_id IS NULL")


class Schedule(TenantOwned, Identified, Timestamped, Base):
    __tablename__ = "script_scheduled_jobs"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        Index("ix_script_scheduled_jobs_tenant_id_script_id", "tenant_id", "script_id"),
        # The scheduler's only question, over all tenants: what is due?
        Index("ix_script_scheduled_jobs_due", "next_run_at", sqlite_where=_ARMED, postgresql_where=_ARMED),
        Index("ix_script_scheduled_jobs_unarmed", "id", sqlite_where=_UNARMED, postgresql_where=_UNARMED),
        Index("ix_script_scheduled_jobs_tenant_id_created_at", "tenant_id", "created_at", "id"),
        one_of("overlap", OVERLAPS),
        one_of("misfire", MISFIRES),
        CheckConstraint("jitter_seconds >= 0", name="jitter_not_negative"),
        CheckConstraint("ends_at IS NULL OR starts_at IS NULL OR starts_at < ends_at", name="starts_before_end"),
        owner_fk(),
        tenant_fk("script_id", "scripts", ondelete="CASCADE"),
    )

    script_id: Mapped[UUID]
    cron: Mapped[str] = mapped_column(String(100))
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Tashkent")
    input: Mapped[Any | None] = mapped_column(Json)
    enabled: Mapped[bool] = mapped_column(default=True)
    overlap: Mapped[str] = mapped_column(String(5), default="skip")
    misfire: Mapped[str] = mapped_column(String(4), default="once")
    jitter_seconds: Mapped[int] = mapped_column(default=0)
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    next_run_at: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]


class Occurrence(TenantOwned, Identified, Created, Base):
    """One due slot of a schedule and what became of it: it ran, it was skipped for a reason, or (ran, and no run yet) it waits."""

    __tablename__ = "schedule_occurrences"
    __table_args__ = (
        UniqueConstraint("tenant_id", "schedule_id", "due_at"),
        Index("ix_schedule_occurrences_waiting", "schedule_id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_schedule_occurrences_due_at", "due_at"),
        one_of("outcome", OUTCOMES),
        one_of("reason", SKIP_REASONS),
        owner_fk(),
        tenant_fk("schedule_id", "script_scheduled_jobs", ondelete="CASCADE"),
    )

    schedule_id: Mapped[UUID]
    due_at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(20), default="")
    execution_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None]  # who asked by hand for a run that had to wait
