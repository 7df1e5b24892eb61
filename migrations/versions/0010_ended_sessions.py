"""Sessions that were signed out of: copies of their cookies stand for nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLE = "ended_sessions"
# As in 0002.
ROLE = "dastgoh_app"
SETTING = "(SELECT nullif(current_setting('dastgoh.tenant', true), ''))"
OWN_ROWS = f"{SETTING} = '*' OR tenant_id::text = {SETTING}"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_sessions")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_ended_sessions_tenant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_ended_sessions_user_id"), ondelete="CASCADE"),
    )
    op.create_index("ix_ended_sessions_created_at", _TABLE, ["created_at"])
    op.create_index("ix_ended_sessions_user_id", _TABLE, ["user_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {_TABLE} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {_TABLE} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {_TABLE} USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS})")
        _let_the_application_in()


def _let_the_application_in() -> None:
    """0002 did so for tables to come, but only for those of the role that it ran as."""
    grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_TABLE} TO {ROLE};"
    op.execute(f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN {grant} END IF; END $$")


def downgrade() -> None:
    op.drop_table(_TABLE)
