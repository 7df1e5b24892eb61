"""A run by hand that waits for the one before it is still of who asked for it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = "schedule_occurrences"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("user_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column(_TABLE, "user_id")
