"""PostgreSQL was restarted, or ended our connections: the next request is answered all the same."""

from collections.abc import Callable

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event

from models import Tenant, database, db
from models.tenancy import as_tenant, system_reading
from services import tokens
from tests.conftest import Person
from tests.support.http import Browser

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
SignIn = Callable[[Person], Browser]


@pytest.fixture
def end_connections(app: Flask) -> Callable[[], int]:
    url = app.extensions["settings"].database_url.replace("+psycopg", "")

    def end() -> int:
        with psycopg.connect(url, autocommit=True) as other:
            ended = other.execute(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        assert ended is not None
        return int(ended[0])

    return end


@pytest.fixture
def pings(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    with app.app_context():
        dialect = db.engine.dialect
    found: list[object] = []
    ping = dialect.do_ping
    monkeypatch.setattr(dialect, "do_ping", lambda connection: found.append(connection) or ping(connection))
    return found


def test_a_page_is_answered_after_all_connections_were_ended(
    alice: Person, sign_in: SignIn, end_connections: Callable[[], int]
) -> None:
    browser = sign_in(alice)
    for _ in range(2):
        assert browser.get("/profile").status_code == 200
        assert end_connections() > 0
    assert browser.get("/profile").status_code == 200


def test_so_is_a_program_whose_token_is_looked_up_over_other_connections(
    app: Flask, alice: Person, acme: Tenant, end_connections: Callable[[], int]
) -> None:
    client = app.test_client()
    with app.app_context(), as_tenant(db.session, acme.id):
        secret = tokens.create(alice.principal, "billing", ["scripts.read"]).secret
    for _ in range(2):
        assert client.get("/api/v1/scripts", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        assert end_connections() > 1
    assert client.get("/api/v1/scripts", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_a_connection_that_nobody_used_for_a_while_is_tried_with_a_statement(
    alice: Person, sign_in: SignIn, pings: list[object], monkeypatch: pytest.MonkeyPatch,
    end_connections: Callable[[], int],
) -> None:  # fmt: skip
    """As where the way to the database is cut without a word."""
    browser = sign_in(alice)
    end_connections()
    monkeypatch.setattr(database, "is_spoken_to", lambda _connection: False)
    monkeypatch.setattr(database, "TESTED_AFTER_S", -1.0)

    assert browser.get("/profile").status_code == 200
    assert pings != []


def test_a_connection_used_a_moment_ago_costs_no_statement(alice: Person, sign_in: SignIn, pings: list[object]) -> None:
    browser = sign_in(alice)
    for _ in range(3):
        assert browser.get("/profile").status_code == 200
    assert pings == []


def test_one_connection_found_dead_spares_the_others_their_turn(app: Flask, end_connections: Callable[[], int]) -> None:
    fresh: list[object] = []
    with app.app_context():
        both = [db.engine.connect() for _ in range(2)]
        for connection in both:
            connection.close()
        assert end_connections() == 2
        event.listen(db.engine, "connect", lambda connection, _record: fresh.append(connection))
        both = [db.engine.connect() for _ in range(2)]
        assert [connection.exec_driver_sql("SELECT 1").scalar() for connection in both] == [1, 1]
        assert len(fresh) == 2
        for connection in both:
            connection.close()
        with system_reading(db.engine) as connection:
            assert connection.exec_driver_sql("SELECT current_setting('dastgoh.tenant')").scalar() == "*"
        end_connections()
        with system_reading(db.engine) as connection:  # a new one is told the same
            assert connection.exec_driver_sql("SELECT current_setting('dastgoh.tenant')").scalar() == "*"
