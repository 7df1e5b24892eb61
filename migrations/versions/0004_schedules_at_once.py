"""Everything the scheduler asks is answered by a small index, however long the history grows."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PARTIAL = (
    ("ix_script_executions_open_trigger_id", "script_executions", "trigger_id", "status IN ('queued', 'running')"),
    ("ix_script_scheduled_jobs_unarmed", "script_scheduled_jobs", "id", "next_run_at IS NULL"),
    ("ix_schedule_occurrences_waiting", "schedule_occurrences", "schedule_id", "outcome = 'ran' AND execution_id IS NULL"),
)
PLAIN = (
    ("ix_schedule_occurrences_due_at", "schedule_occurrences", ["due_at"]),
    ("ix_script_scheduled_jobs_tenant_id_created_at", "script_scheduled_jobs", ["tenant_id", "created_at", "id"]),
)


def upgrade() -> None:
    for name, table, column, condition in PARTIAL:
        op.create_index(name, table, [column], sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
    for name, table, columns in PLAIN:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, table, *_ in (*PARTIAL, *PLAIN):
        op.drop_index(name, table)
