"""Alembic's entry: migrations run in the application's context, on its engine, with our naming rules."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from models import db

engine = current_app.extensions["migrate"].db.engine

_TURN = text("SELECT pg_advisory_lock(4242001)"), text("SELECT pg_advisory_unlock(4242001)")


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Who comes second waits, and finds nothing left to do: hosts that start together may all migrate."""
    if connection.dialect.name != "postgresql":
        yield
        return
    take, give = _TURN
    connection.execute(take)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(give)
        connection.commit()


def run() -> None:
    with engine.connect() as connection, alone(connection):
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_type=True,
            render_as_batch=connection.dialect.name == "sqlite",
            transaction_per_migration=True,
            include_object=lambda _object, name, kind, *_: not (kind == "table" and name == "alembic_version"),
        )
        with context.begin_transaction():
            context.run_migrations()


run()
