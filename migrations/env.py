"""Alembic's entry: migrations run in the application's context, on its engine, with our naming rules."""

from alembic import context
from flask import current_app

from models import db

engine = current_app.extensions["migrate"].db.engine


def run() -> None:
    with engine.connect() as connection:
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
