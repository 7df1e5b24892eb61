"""A dead letter that was replayed names the run that its replay made, also where that was before."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLE, _INDEX = "script_event_dead_letters", "ix_script_event_dead_letters_replayed_as"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("replayed_as", sa.Uuid(), nullable=True))
    replayed = sa.text("replayed_as IS NOT NULL")
    op.create_index(_INDEX, _TABLE, ["tenant_id", "replayed_as"], sqlite_where=replayed, postgresql_where=replayed)
    _find_earlier_ones()


def _find_earlier_ones() -> None:
    """A replay by hand of the failed run has no trigger_id, so none is taken for the letter's."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT set_config('dastgoh.tenant', '*', true)")
    op.execute(f"""
        UPDATE {_TABLE} SET replayed_as = (
            SELECT runs.id FROM script_executions AS runs
            WHERE runs.tenant_id = {_TABLE}.tenant_id AND runs.trigger = 'replay'
              AND runs.replay_of = {_TABLE}.execution_id
              AND runs.trigger_id = coalesce({_TABLE}.subscription_id, {_TABLE}.id)
            LIMIT 1)
        WHERE resolution = 'replayed'""")


def downgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    op.drop_column(_TABLE, "replayed_as")
