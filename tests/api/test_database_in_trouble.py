"""What programs are told while the database is away, or takes no writing."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from models import db
from services import tokens
from tests.api.conftest import Program


def away(*_: object) -> None:
    raise OperationalError("SELECT", {}, Exception("connection refused"))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_that_is_away_is_told_with_when_to_come_again(api: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "load", away)
    answer = api.get("/scripts")

    assert (answer.status_code, answer.json["code"]) == (503, "UNAVAILABLE")
    assert answer.headers["Retry-After"] == "5"


@pytest.fixture
def read_only(app: Flask) -> Callable[[], None]:
    def make_it() -> None:
        with app.app_context():
            with db.engine.begin() as connection:
                name = connection.engine.url.database
                connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            db.engine.dispose()

    return make_it


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_takes_no_writing_is_not_ready_and_is_told_as_one_that_is_away(
    app: Flask, api: Program, read_only: Callable[[], None]
) -> None:
    read_only()
    assert app.test_client().get("/health/ready").json["checks"]["database"] == "failed"
    for path in ("/scripts", "/events"):
        answer = api.post(path, {"name": "Doubler"} if path == "/scripts" else {"type": "order.created", "data": {}})
        assert (answer.status_code, answer.json["code"]) == (503, "UNAVAILABLE"), path
        assert answer.headers["Retry-After"] == "5"
