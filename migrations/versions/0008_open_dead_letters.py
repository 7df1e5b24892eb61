"""The menu of every page counts what is open, whatever was settled in the months before."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NAME, _TABLE = "ix_script_event_dead_letters_open", "script_event_dead_letters"


def upgrade() -> None:
    is_open = sa.text("resolved_at IS NULL")
    op.create_index(_NAME, _TABLE, ["tenant_id"], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    op.drop_index(_NAME, _TABLE)
