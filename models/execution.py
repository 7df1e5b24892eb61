from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Created, Identified, Json
from models.tenancy import TenantOwned
from models.tenant import owner_fk, tenant_fk

STATUSES = ("queued", "running", "succeeded", "failed", "timed_out", "cancelled", "refused")
FINISHED = ("succeeded", "failed", "timed_out", "cancelled", "refused")
TRIGGERS = ("manual", "api", "test", "cron", "http", "event", "embedded", "replay")

_OPEN = text("status IN ('queued', 'running')")
_FAILED = text("error_code IS NOT NULL")


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Execution(TenantOwned, Identified, Created, Base):
    """One run of a script, from the moment somebody wants it. The row is the truth; the queue only carries its id."""

    __tablename__ = "script_executions"
    __table_args__ = (
        Index("ix_script_executions_tenant_id_created_at", "tenant_id", "created_at", "id"),
        Index("ix_script_executions_tenant_id_script_id", "tenant_id", "script_id", "created_at", "id"),
        Index("ix_script_executions_tenant_id_status", "tenant_id", "status", "created_at", "id"),
        Index("ix_script_executions_tenant_id_version_number", "tenant_id", "script_id", "version_number"),
        Index("ix_script_executions_tenant_id_trigger", "tenant_id", "trigger", "created_at", "id"),
        Index(
            "ix_script_executions_tenant_id_error_code",
            "tenant_id",
            "error_code",
            "created_at",
            "id",
            sqlite_where=_FAILED,
            postgresql_where=_FAILED,
        ),
        Index("ix_script_executions_tenant_id_event_id", "tenant_id", "event_id"),
        Index("ix_script_executions_tenant_id_parent_id", "tenant_id", "parent_id"),
        # Is a run of this schedule still going? Again few rows, however long the history grows.
        Index("ix_script_executions_open_trigger_id", "trigger_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        # What the sweeper looks at, over all tenants: few rows, however long the history grows.
        Index("ix_script_executions_open", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        one_of("status", STATUSES),
        one_of("trigger", TRIGGERS),
        owner_fk(),
        tenant_fk("script_id", "scripts", ondelete="CASCADE"),
    )

    script_id: Mapped[UUID]
    version_number: Mapped[int]
    status: Mapped[str] = mapped_column(String(10), default="queued")
    trigger: Mapped[str] = mapped_column(String(10))
    trigger_id: Mapped[UUID | None]  # the schedule, endpoint or subscription that fired
    type: Mapped[str] = mapped_column(String(10), default="one_off")  # context.execution.type
    triggered_by: Mapped[str] = mapped_column(String(10), default="user")  # context.execution.triggeredBy
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    actor_label: Mapped[str] = mapped_column(String(254), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")

    event_id: Mapped[UUID | None]
    parent_id: Mapped[UUID | None]  # the run that called this one by sdk.scripts.run
    replay_of: Mapped[UUID | None]
    chain_depth: Mapped[int] = mapped_column(default=0)

    attempt: Mapped[int] = mapped_column(default=1)
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(default=list, deferred=True)  # the earlier ones, with errors
    # While queued: not before. While running: the lease; once past, the run counts as lost.
    due_at: Mapped[datetime | None]
    leased_by: Mapped[str] = mapped_column(String(64), default="")
    cancel_requested: Mapped[bool] = mapped_column(default=False)

    test_source: Mapped[str | None] = mapped_column(Text, deferred=True)  # an unsaved buffer, run as a test
    input: Mapped[Any | None] = mapped_column(Json, deferred=True)
    request: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    output: Mapped[Any | None] = mapped_column(Json, deferred=True)
    error: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    logs: Mapped[list[dict[str, Any]]] = mapped_column(default=list, deferred=True)
    logs_dropped: Mapped[int] = mapped_column(default=0, server_default="0")
    calls: Mapped[list[dict[str, Any]]] = mapped_column(default=list, deferred=True)
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")  # what it ran under

    error_code: Mapped[str | None] = mapped_column(String(30))
    error_frame: Mapped[str] = mapped_column(String(200), default="")  # first frame: with the code, the failure's group
    error_message: Mapped[str] = mapped_column(String(500), default="")
    wait_ms: Mapped[int | None]
    run_ms: Mapped[int | None]
    cpu_ms: Mapped[int | None]
    peak_memory_bytes: Mapped[int | None]
    api_calls: Mapped[int | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED
