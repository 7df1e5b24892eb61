"""Events, subscriptions and dead letters by program."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from models import Execution, db
from models.tenancy import as_system, as_tenant
from services import executions
from tests.api.conftest import Program
from tests.conftest import Person

FILTER = {"path": "data.total", "op": "gte", "value": 100}


@pytest.fixture
def subscription(api: Program, script: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(f"/scripts/{script['id']}/subscriptions", {"event_type": "order.*", "filter": FILTER})
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_subscription_comes_back_as_it_was_given(
    api: Program, script: dict[str, Any], subscription: dict[str, Any]
) -> None:
    path = f"/scripts/{script['id']}/subscriptions"

    assert {name: subscription[name] for name in ("event_type", "filter", "enabled")} == {
        "event_type": "order.*", "filter": FILTER, "enabled": True,
    }  # fmt: skip
    assert api.get(path).json == {"items": [subscription], "next_cursor": None}
    assert api.get(f"{path}/{subscription['id']}").json == subscription
    changed = api.patch(f"{path}/{subscription['id']}", {"enabled": False, "filter": None}).json
    assert (changed["enabled"], changed["filter"], changed["event_type"]) == (False, None, "order.*")
    assert api.call("DELETE", f"{path}/{subscription['id']}").status_code == 204
    assert api.get(path).json["items"] == []


@pytest.mark.parametrize("wrong", [
    {}, {"event_type": "a b"}, {"event_type": 5}, {"event_type": "x", "filter": {"path": "total", "op": "eq", "value": 1}},
    {"event_type": "x", "enabled": "yes"}, {"event_type": "x", "colour": "red"},
])  # fmt: skip
def test_a_wrong_subscription_is_refused(api: Program, script: dict[str, Any], wrong: dict[str, Any]) -> None:
    answer = api.post(f"/scripts/{script['id']}/subscriptions", wrong)

    assert (answer.status_code, answer.json["code"]) == (422, "INVALID_INPUT")


def test_an_event_is_accepted_once(api: Program, subscription: dict[str, Any]) -> None:
    event = {"type": "order.created", "data": {"total": 150}, "id": "evt-1"}
    first, again = api.post("/events", event), api.post("/events", event)
    other = api.post("/events", {**event, "data": {"total": 151}})

    assert (first.status_code, first.json) == (202, {"id": "evt-1", "matched": 1})
    assert (again.status_code, again.json) == (202, first.json)
    assert (other.status_code, other.json["code"]) == (422, "INVALID_INPUT")
    assert first.headers["X-Queue-Pressure"] == "normal"


def test_a_batch_is_answered_one_by_one(api: Program, subscription: dict[str, Any]) -> None:
    answer = api.post(
        "/events", {"events": [{"type": "order.created", "data": {"total": n}, "id": str(n)} for n in (50, 150)]}
    )

    assert answer.status_code == 202
    assert answer.json == {"items": [{"id": "50", "matched": 0}, {"id": "150", "matched": 1}]}
    for wrong in (
        {"events": []},
        {"events": [{"type": "x"}] * 501},
        {"events": [5]},
        {"events": {}},
        {"events": [{"typ": "x"}]},
    ):
        assert api.post("/events", wrong).status_code == 422, wrong


@pytest.mark.parametrize("raw", [b'{"type": "x", "data": NaN}', b'{"type": "x", "data": 1e999}', b'{"type": "x", "data": "\\u0000"}',
                                 b'{"type": "x", "data": "\\ud800"}', b'{"type": "x", "data": ' + b"[" * 3000 + b"]" * 3000 + b"}",
                                 b'{"type": "x"', b"[]", b'"x"'])  # fmt: skip
def test_poison_is_refused(api: Program, raw: bytes) -> None:
    answer = api._client.post("/api/v1/events", data=raw, headers={**api._headers, "Content-Type": "application/json"})

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")


def test_of_names_given_twice_the_last_counts_everywhere(
    app: Flask, api: Program, subscription: dict[str, Any]
) -> None:
    raw = b'{"type": "order.created", "id": "twice", "data": {"total": 1, "total": 500}}'
    headers = {**api._headers, "Content-Type": "application/json"}
    answer = api._client.post("/api/v1/events", data=raw, headers=headers)

    assert answer.json == {"id": "twice", "matched": 1}, "filters saw what the script will see"
    assert api.post("/events", {"type": "order.created", "id": "twice", "data": {"total": 500}}).json == answer.json
    assert api.post("/events", {"type": "order.created", "id": "twice", "data": {"total": 1}}).status_code == 422


def test_more_than_fits_is_refused_before_it_is_read(api: Program) -> None:
    assert api.post("/events", {"type": "order.created", "data": "x" * 500_001}).status_code == 422
    assert api.post("/events", {"type": "order.created", "data": "x" * 3_000_000}).status_code == 413
    raw = b'{"type": "order.created", "data": ' + b"9" * 5_000 + b"}"  # a number that takes long to read
    headers = {**api._headers, "Content-Type": "application/json"}
    assert api._client.post("/api/v1/events", data=raw, headers=headers).status_code == 422


def test_a_dead_letter_is_listed_replayed_and_deleted(
    app: Flask, api: Program, script: dict[str, Any], alice: Person
) -> None:
    api.patch(f"/scripts/{script['id']}", {"source": "throw new sdk.Fatal('no client')"})
    api.post(f"/scripts/{script['id']}/subscriptions", {"event_type": "order.created"})
    api.post("/events", {"type": "order.created", "data": {"total": 1}})
    with app.app_context():
        with as_system(db.session):
            run_id = db.session.scalars(select(Execution.id)).one()
            db.session.commit()
        executions.perform(run_id)
    [letter] = api.get("/dead-letters").json["items"]

    assert (letter["error"]["message"], letter["execution_id"], letter["attempts"]) == ("no client", str(run_id), 1)
    whole = api.get(f"/dead-letters/{letter['id']}").json
    assert (whole["event_data"], whole["error"]["code"]) == ({"total": 1}, "RUNTIME_ERROR")
    assert api.post(f"/dead-letters/{letter['id']}/replay", {"version": "newest"}).status_code == 422
    again = api.post(f"/dead-letters/{letter['id']}/replay", {"version": "current"})
    assert again.status_code == 202 and again.headers["Location"].endswith(again.json["execution_id"])
    assert api.get("/dead-letters").json["items"] == []
    assert len(api.get("/dead-letters?state=all&limit=1").json["items"]) == 1
    assert api.get("/dead-letters?state=odd").status_code == 422
    assert api.call("DELETE", f"/dead-letters/{letter['id']}").status_code == 204
    assert api.get(f"/dead-letters/{letter['id']}").status_code == 404
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        assert len(db.session.scalars(select(Execution.id)).all()) == 2


def test_a_stranger_finds_nothing_and_a_viewer_changes_nothing(
    program: Callable[..., Program], bob: Person, charlie: Person, script: dict[str, Any], subscription: dict[str, Any]
) -> None:
    path = f"/scripts/{script['id']}/subscriptions"
    stranger, viewer = program(charlie), program(bob)

    assert {stranger.get(one).status_code for one in (path, f"{path}/{subscription['id']}")} == {404}
    assert stranger.patch(f"{path}/{subscription['id']}", {"enabled": False}).status_code == 404
    assert stranger.post("/events", {"type": "order.created", "data": {"total": 500}}).json["matched"] == 0
    assert viewer.get(path).status_code == 200
    for method, one in (("POST", path), ("PATCH", f"{path}/{subscription['id']}"), ("DELETE", f"{path}/{subscription['id']}"),
                        ("POST", "/events"), ("GET", "/dead-letters")):  # fmt: skip
        assert viewer.call(method, one, {}).status_code == 403, one
