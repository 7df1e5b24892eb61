"""A run keeps the limits it had and how many of its log lines were dropped."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

VERSIONS = "ix_script_executions_tenant_id_version_number"


def upgrade() -> None:
    op.add_column("script_executions", sa.Column("logs_dropped", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("script_executions", sa.Column("limits", JSON, nullable=False, server_default="{}"))
    op.create_index(VERSIONS, "script_executions", ["tenant_id", "script_id", "version_number"])


def downgrade() -> None:
    op.drop_index(VERSIONS, "script_executions")
    op.drop_column("script_executions", "limits")
    op.drop_column("script_executions", "logs_dropped")
