"""Scripts are counted from an index: their own rows hold the code, and reading ten thousand of those to count them is slow."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_scripts_tenant_id_deleted_at", "scripts",
                    ["tenant_id", "deleted_at", "enabled", "last_status", "id"])  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_scripts_tenant_id_deleted_at", "scripts")
