"""What every answer carries: security headers, a request id, a page for every error."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis.exceptions import OutOfMemoryError
from sqlalchemy import text

from models import db
from services.per_process import have, let_go
from tests.conftest import Person
from tests.support.http import Browser


def test_every_page_carries_a_strict_policy_with_its_own_nonce(client: FlaskClient) -> None:
    policies = [client.get("/sign-in").headers["Content-Security-Policy"] for _ in range(2)]

    assert policies[0] != policies[1]
    for policy in policies:
        assert "default-src 'none'" in policy
        assert "'unsafe-eval'" not in policy
        assert "script-src 'self' 'nonce-" in policy
        assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/sign-in", "/nothing-here", "/health/live"])
def test_every_answer_carries_the_other_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert len(headers["X-Request-Id"]) >= 8


def test_a_harmless_request_id_is_kept_and_a_harmful_one_is_not(client: FlaskClient) -> None:
    assert (
        client.get("/sign-in", headers={"X-Request-Id": "order-12345678"}).headers["X-Request-Id"] == "order-12345678"
    )
    assert (
        client.get("/sign-in", headers={"X-Request-Id": "<script>alert(1)"}).headers["X-Request-Id"]
        != "<script>alert(1)"
    )


@pytest.mark.parametrize(("path", "method", "status"), [("/nothing-here", "GET", 404), ("/sign-in", "DELETE", 405)])
def test_an_error_is_a_page_with_its_request_id(client: FlaskClient, path: str, method: str, status: int) -> None:
    answer = client.open(path, method=method, headers={"X-Request-Id": "request-0815"})

    if status == 405:
        assert "GET" in answer.headers["Allow"]
    else:
        assert "request-0815" in answer.text
    assert answer.status_code in (status, 400)  # DELETE without a form token is refused before its method is looked at


def test_an_unexpected_error_shows_no_internals(app: Flask) -> None:
    def explode() -> str:
        raise RuntimeError("the secret is fortytwo")

    app.add_url_rule("/explode", "health.explode", explode)
    answer = app.test_client().get("/explode")

    assert answer.status_code == 500
    assert "fortytwo" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


def test_the_log_line_of_a_request_says_whose_it_was(
    alice: Person, sign_in: Callable[[Person], Browser], client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    browser = sign_in(alice)
    caplog.clear()
    with caplog.at_level("INFO", "dastgoh.request"):
        browser.get("/scripts")
        client.get("/sign-in")

    assert [getattr(record, "tenant", None) for record in caplog.records] == ["acme", None]


def test_a_form_without_its_token_changes_nothing(client: FlaskClient) -> None:
    answer = client.post("/sign-in", data={"email": "a@b.test", "password": "whatever it is"})

    assert answer.status_code == 400


def test_health_says_ready_with_database_and_redis(client: FlaskClient, app: Flask) -> None:
    assert client.get("/health/live").json == {"status": "ok"}
    ready = client.get("/health/ready")

    assert ready.status_code == 200
    assert ready.json["checks"] == {"database": "ok", "redis": "ok", "engines": "ok"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_behind_the_code_is_not_ready_and_one_ahead_of_it_is(app: Flask) -> None:
    def ready_at(version: str) -> str:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
        return str(app.test_client().get("/health/ready").json["checks"]["database"])

    assert ready_at("0001") == "failed"
    assert ready_at("9999") == "ok", "one process after another is replaced by newer code"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_redis_that_takes_no_writing_is_not_ready(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'")

    monkeypatch.setattr(app.extensions["redis"], "set", full)
    assert app.test_client().get("/health/ready").json["checks"]["redis"] == "failed"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_process_that_can_start_no_engines_is_not_ready(app: Flask) -> None:
    let_go(app, "engines")
    have(app, "engines", lambda: SimpleNamespace(is_able=False))
    answer = app.test_client().get("/health/ready")
    let_go(app, "engines")
    assert answer.status_code == 503
    assert answer.json["checks"]["engines"] == "failed"


@pytest.mark.parametrize("language", ["en", "ru", "uz"])
def test_the_sign_in_page_speaks_the_language_of_the_cookie(app: Flask, language: str) -> None:
    client = app.test_client()
    client.set_cookie("language", language)

    assert f'lang="{language}"' in client.get("/sign-in").text


def test_the_browsers_language_counts_when_nothing_was_chosen(client: FlaskClient) -> None:
    assert 'lang="uz"' in client.get("/sign-in", headers={"Accept-Language": "uz;q=0.9, en;q=0.5"}).text


@pytest.mark.parametrize(
    "target",
    [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "https:evil.test",
        "/%0d%0aSet-Cookie:x",
        "javascript:alert(1)",
        "/\tevil",
        "\\\\evil",
    ],
)
def test_after_sign_in_nobody_is_sent_to_another_site(app: Flask, alice: object, target: str) -> None:
    browser = Browser(app)
    answer = browser.post("/sign-in", email=alice.email, password="correct horse battery", next=target)  # type: ignore[attr-defined]

    assert answer.status_code == 302
    location = answer.headers["Location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "\n" not in location
    assert "evil" not in location.split("?")[0] or target.startswith("/%")
