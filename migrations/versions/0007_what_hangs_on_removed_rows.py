"""Removing an event or a run asks which dead letters point to it: by its id alone, as foreign keys do."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("event_id", "execution_id"):
        op.create_index(f"ix_script_event_dead_letters_{column}", "script_event_dead_letters", [column])


def downgrade() -> None:
    for column in ("execution_id", "event_id"):
        op.drop_index(f"ix_script_event_dead_letters_{column}", "script_event_dead_letters")
