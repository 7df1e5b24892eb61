"""Migrations go up, down and up again on both databases, and the models say what they say."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from app import create_app
from models import db
from tests.conftest import settings_for


@pytest.fixture
def empty(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Flask:
    if database == "sqlite":
        return create_app(settings_for(tmp_path))
    return create_app(settings_for(tmp_path, DATABASE_URL=request.getfixturevalue("postgres_database")()))


def test_they_go_up_down_and_up_again(empty: Flask) -> None:
    with empty.app_context():
        upgrade()
        tables = set(inspect(db.engine).get_table_names())
        downgrade(revision="base")
        left = set(inspect(db.engine).get_table_names())
        upgrade()

        assert set(db.metadata.tables) <= tables
        assert left <= {"alembic_version"}
        assert set(inspect(db.engine).get_table_names()) == tables
        db.engine.dispose()


def test_the_models_match_them(empty: Flask) -> None:
    with empty.app_context():
        upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = compare_metadata(context, db.metadata)
        db.engine.dispose()

    assert differences == []


def test_every_tenants_table_has_a_tenant_first_in_its_composite_indexes() -> None:
    wrong = [
        f"{table.name}: {index.name}"
        for table in db.metadata.tables.values()
        if "tenant_id" in table.columns
        for index in table.indexes
        if len(index.columns) > 1 and next(iter(index.columns)).name != "tenant_id"
    ]
    assert wrong == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_every_tenants_table_has_row_level_security(empty: Flask) -> None:
    with empty.app_context():
        upgrade()
        with db.engine.connect() as connection:
            protected = connection.exec_driver_sql(
                "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
            )
            names = {row[0] for row in protected}
        db.engine.dispose()

    assert names == {table.name for table in db.metadata.tables.values() if "tenant_id" in table.columns}
