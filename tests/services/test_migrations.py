"""Migrations go up, down and up again on both databases, and the models say what they say."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import insert, inspect, make_url, select

from app import create_app
from models import DeadLetter, db
from models.ids import uuid7
from models.tenancy import as_system
from services import schema
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


def test_letters_that_were_replayed_before_learn_as_which_run(empty: Flask) -> None:
    tables, here, subscription = db.metadata.tables, {"tenant_id": uuid7()}, uuid7()
    script, failed, by_hand, replay, letter = (uuid7() for _ in range(5))
    run = here | {"script_id": script, "version_number": 1, "trigger": "replay", "replay_of": failed}
    rows = {
        "tenants": [{"id": here["tenant_id"], "slug": "acme", "name": "Acme"}],
        "scripts": [here | {"id": script, "name": "Price", "name_key": "price"}],
        "script_executions": [
            run | {"id": failed, "trigger": "event", "replay_of": None, "trigger_id": subscription},
            run | {"id": by_hand, "trigger_id": None}, run | {"id": replay, "trigger_id": subscription},
        ],
        "script_event_dead_letters": [here | {
            "id": letter, "script_id": script, "version_number": 1, "execution_id": failed, "resolution": "replayed",
            "subscription_id": subscription,
        }],
    }  # fmt: skip
    with empty.app_context():
        upgrade(revision="0008")
        with as_system(db.session):
            for name, given in rows.items():
                db.session.execute(insert(tables[name]), given)
            db.session.commit()
            upgrade()
            assert db.session.scalar(select(DeadLetter.replayed_as)) == replay
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_hosts_that_migrate_at_the_same_moment_take_turns(empty: Flask) -> None:
    settings = empty.extensions["settings"]
    environment = {**os.environ, "DATABASE_URL": settings.database_url, "DATA_DIR": str(settings.data_dir)}
    command = [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"]
    both = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=60)[1] for one in both]

    assert [one.returncode for one in both] == [0, 0], said
    with empty.app_context(), db.engine.connect() as connection:
        assert schema.problem(connection) == ""


@pytest.mark.parametrize("command", ["web", "worker", "scheduler"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_starts_before_it_was_migrated(empty: Flask, command: str) -> None:
    answer = empty.test_cli_runner().invoke(args=[command])
    assert answer.exit_code == 1
    assert "the database is at version none" in answer.output
    assert "db upgrade" in answer.output


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


@pytest.fixture
def as_role(empty: Flask) -> Callable[[str], str]:
    """The address of the same database for a role that may do what is said, and nothing to other people's tables."""
    url = make_url(empty.extensions["settings"].database_url)

    def make(rights: str) -> str:
        name = f"role_{uuid4().hex[:12]}"
        with empty.app_context(), db.engine.begin() as connection:
            for statement in (f"CREATE ROLE {name} LOGIN", *filter(None, rights.format(role=name).split(";"))):
                connection.exec_driver_sql(statement)
        return url.set(username=name).render_as_string(hide_password=False)

    return make


def upgraded_by(url: str, empty: Flask) -> tuple[int, list[str]]:
    environment = {"DATABASE_URL": url, "DATA_DIR": str(empty.extensions["settings"].data_dir)}
    command = [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"]
    done = subprocess.run(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stderr.splitlines()


READS_AND_WRITES = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"


@pytest.mark.parametrize("begun", ["", "0001"], ids=["empty", "begun"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_may_not_change_tables_is_told_so_in_one_sentence(
    empty: Flask, as_role: Callable[[str], str], begun: str
) -> None:
    if begun:
        with empty.app_context():
            upgrade(revision=begun)
    url = as_role(READS_AND_WRITES if begun else "")

    status, said = upgraded_by(url, empty)

    assert status == 1
    assert "does not let its tables be changed" in said[-1]
    assert "the role that owns the tables" in said[-1]
    assert "Traceback" not in "".join(said)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_may_not_change_tables_is_content_where_nothing_is_to_be_changed(
    empty: Flask, as_role: Callable[[str], str]
) -> None:
    with empty.app_context():
        upgrade()
    assert upgraded_by(as_role(READS_AND_WRITES), empty)[0] == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_is_not_there_or_only_reads_is_named_in_one_sentence(
    empty: Flask, as_role: Callable[[str], str]
) -> None:
    away = make_url(as_role("")).set(database="not_there").render_as_string(hide_password=False)
    only_reads = as_role(
        "GRANT CREATE ON SCHEMA public TO {role}; ALTER ROLE {role} SET default_transaction_read_only = on"
    )

    for url, words in ((away, "does not answer"), (only_reads, "takes no writing")):
        status, said = upgraded_by(url, empty)
        assert (status, words in said[-1]) == (1, True), said
        assert "Traceback" not in "".join(said)
