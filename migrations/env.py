"""Alembic's entry: migrations run in the application's context, on its engine, with our naming rules."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from models import db

engine = current_app.extensions["migrate"].db.engine

_TURN = text("SELECT pg_advisory_lock(4242001)"), text("SELECT pg_advisory_unlock(4242001)")

_NO_RIGHT, _READ_ONLY = "42501", "25006"


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


def refusal(error: DBAPIError) -> str:
    """What whoever typed the command can do about it; nothing where our own statements are wrong."""
    because = str(error.orig).partition("\n")[0].strip()
    state = getattr(error.orig, "sqlstate", "SQLite")
    if state == _NO_RIGHT:
        cure = "Migrations need the role that owns the tables; DATABASE_URL names another."
        return f"The database does not let its tables be changed: {because}. {cure}"
    if state == _READ_ONLY:
        return f"The database takes no writing: {because}."
    never_connected = state is None and isinstance(error, OperationalError)
    return f"The database does not answer: {because}" if never_connected else ""


try:
    run()
except DBAPIError as error:
    if sentence := refusal(error):
        sys.exit(sentence)
    raise
