"""What the lists of scripts and runs look things up by: a script's last run, its words in one place, triggers and errors."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROLE = "dastgoh_app"
SETTING = "(SELECT nullif(current_setting('dastgoh.tenant', true), ''))"
OWN_ROWS = f"{SETTING} = '*' OR tenant_id::text = {SETTING}"
ALIVE = sa.text("deleted_at IS NULL")
FAILED = sa.text("error_code IS NOT NULL")


def upgrade() -> None:
    op.add_column("scripts", sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("scripts", sa.Column("last_status", sa.String(10), nullable=False, server_default=""))
    op.create_index("ix_scripts_tenant_id_last_run_at", "scripts",
                    ["tenant_id", "last_run_at", "last_status", "enabled", "id"],
                    sqlite_where=ALIVE, postgresql_where=ALIVE)  # fmt: skip
    op.create_index("ix_script_executions_tenant_id_trigger", "script_executions",
                    ["tenant_id", "trigger", "created_at", "id"])  # fmt: skip
    op.create_index("ix_script_executions_tenant_id_error_code", "script_executions",
                    ["tenant_id", "error_code", "created_at", "id"],
                    sqlite_where=FAILED, postgresql_where=FAILED)  # fmt: skip
    op.create_table(
        "script_texts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("script_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], ondelete="CASCADE",
                                name=op.f("fk_script_texts_tenant_id_tenants")),
        sa.ForeignKeyConstraint(["tenant_id", "script_id"], ["scripts.tenant_id", "scripts.id"], ondelete="CASCADE",
                                name=op.f("fk_script_texts_tenant_id_scripts")),
        sa.PrimaryKeyConstraint("tenant_id", "script_id", name=op.f("pk_script_texts")),
    )  # fmt: skip
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE script_texts ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE script_texts FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON script_texts USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")


def downgrade() -> None:
    op.drop_table("script_texts")
    op.drop_index("ix_script_executions_tenant_id_error_code", "script_executions")
    op.drop_index("ix_script_executions_tenant_id_trigger", "script_executions")
    op.drop_index("ix_scripts_tenant_id_last_run_at", "scripts")
    op.drop_column("scripts", "last_status")
    op.drop_column("scripts", "last_run_at")
