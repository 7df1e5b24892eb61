"""Sent twice, done once; and nothing overwritten that its sender has not seen."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from models import Execution, KvEntry, Schedule, Script, db
from models.base import utcnow
from models.tenancy import as_system
from services import executions, idempotency, once
from services.errors import Busy
from tests.api.conftest import Program
from tests.conftest import Person

KEY = {"Idempotency-Key": "order-17"}


@pytest.fixture
def database() -> str:
    return "sqlite"


def count(app: Flask, model: type) -> int:
    with app.app_context(), as_system(db.session):
        return db.session.scalar(select(func.count(model.id))) or 0


def test_the_same_again_gets_the_same_answer_and_is_not_done_again(app: Flask, api: Program) -> None:
    first = api.call("POST", "/scripts", {"name": "Once"}, **KEY)
    again = api.call("POST", "/scripts", {"name": "Once"}, **KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert [again.headers[name] for name in ("Location", "ETag")] == [
        first.headers[name] for name in ("Location", "ETag")
    ]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(app, Script) == 1


def test_an_event_sent_again_is_answered_with_all_that_the_document_promises(api: Program) -> None:
    said = api.get("/openapi.json").json
    given = said["paths"]["/events"]["post"]["responses"]["202"]["headers"]
    promised = {name for name in given if said["components"]["headers"][name]["required"]}
    first, again = (api.call("POST", "/events", {"type": "order.created"}, **KEY) for _ in range(2))

    assert again.headers["Idempotency-Replayed"] == "true"
    assert promised and all(again.headers[name] == first.headers[name] for name in promised)


def test_a_key_stands_for_one_request(api: Program, script: dict[str, Any]) -> None:
    api.call("POST", "/scripts", {"name": "Once"}, **KEY)
    other_body = api.call("POST", "/scripts", {"name": "Twice"}, **KEY)
    other_path = api.call("POST", f"/scripts/{script['id']}/executions", {"input": {"n": 1}}, **KEY)

    assert [answer.status_code for answer in (other_body, other_path)] == [422, 422]
    assert other_body.json["errors"][0]["field"] == "Idempotency-Key"


def test_what_was_refused_may_be_corrected_under_its_key(api: Program) -> None:
    assert api.call("POST", "/scripts", {"name": "x"}, **KEY).status_code == 422
    assert api.call("POST", "/scripts", {"name": "Better"}, **KEY).status_code == 201


def test_a_failed_run_is_not_run_again(app: Flask, api: Program) -> None:
    api.post("/scripts", {"name": "Thrower", "source": "throw new Error('no')"})
    first = api.call("POST", "/scripts/run/Thrower", {"input": 1}, **KEY)
    again = api.call("POST", "/scripts/run/Thrower", {"input": 1}, **KEY)

    assert (first.status_code, again.status_code) == (502, 502)
    assert again.json == first.json
    assert again.mimetype == "application/problem+json"
    assert count(app, Execution) == 1


def test_each_token_has_keys_of_its_own(program: Callable[..., Program], alice: Person) -> None:
    one, other = program(alice), program(alice)

    assert one.call("POST", "/scripts", {"name": "Mine"}, **KEY).status_code == 201
    assert other.call("POST", "/scripts", {"name": "Also mine"}, **KEY).status_code == 201


def test_who_was_told_to_come_again_may_come_with_the_same_key(
    app: Flask, api: Program, script: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        db.session.commit()  # as the run itself would have done by then
        raise Busy("tenant")

    with monkeypatch.context() as now:
        now.setattr(executions, "run", busy)
        refused = api.call("POST", "/scripts/run/Doubler", {"input": {"n": 1}}, **KEY)

    assert (refused.status_code, refused.headers["Retry-After"], refused.json["code"]) == (429, "1", "RATE_LIMITED")
    assert api.call("POST", "/scripts/run/Doubler", {"input": {"n": 1}}, **KEY).status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "ключ"])
def test_a_key_that_is_none_is_refused(api: Program, key: str) -> None:
    sent = key.encode("utf-8").decode("latin-1")
    assert api.call("POST", "/scripts", {"name": "Never"}, **{"Idempotency-Key": sent}).status_code == 422


def test_a_key_lives_for_a_day_and_goes_with_the_chores(app: Flask, api: Program) -> None:
    made = api.call("POST", "/scripts", {"name": "Yesterday"}, **KEY).json
    api.call("DELETE", f"/scripts/{made['id']}")
    with app.app_context(), as_system(db.session):
        left = db.session.scalars(select(KvEntry)).one().expires_at - utcnow()
        db.session.execute(update(KvEntry).values(expires_at=utcnow() - timedelta(minutes=5)))
        db.session.commit()
    assert timedelta(hours=23) < left <= idempotency.KEPT

    assert api.call("POST", "/scripts", {"name": "Yesterday"}, **KEY).status_code == 201
    with app.app_context(), as_system(db.session):
        db.session.execute(update(KvEntry).values(expires_at=utcnow() - timedelta(minutes=5)))
        db.session.commit()
        once.prune()
    assert count(app, KvEntry) == 0


def test_an_answer_that_was_lost_is_not_made_twice(app: Flask, api: Program) -> None:
    """The process died between the deed and its answer."""
    api.call("POST", "/scripts", {"name": "Once"}, **KEY)
    with app.app_context(), as_system(db.session):
        row = db.session.scalars(select(KvEntry)).one()
        row.holder, row.value = "dead", {**(row.value or {}), "answer": None}
        db.session.commit()

    assert api.call("POST", "/scripts", {"name": "Once"}, **KEY).status_code == 409
    assert count(app, Script) == 1


class TestTags:
    @pytest.fixture(params=["script", "subscription", "schedule", "endpoint"])
    def thing(self, request: pytest.FixtureRequest, api: Program, script: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        at = f"/scripts/{script['id']}"
        if request.param == "script":
            return at, {"description": "new"}
        kind, given = {"subscription": ("subscriptions", {"event_type": "a.b"}),
                       "schedule": ("schedules", {"cron": "@daily"}),
                       "endpoint": ("endpoints", {"path": "orders"})}[request.param]  # fmt: skip
        return f"{at}/{kind}/{api.post(f'{at}/{kind}', given).json['id']}", {"enabled": False}

    def test_a_change_under_the_tag_just_read_is_made(self, api: Program, thing: tuple[str, Any]) -> None:
        path, change = thing
        tag = api.get(path).headers["ETag"]
        changed = api.call("PATCH", path, change, **{"If-Match": f'"other", {tag}'})

        assert changed.status_code == 200, changed.text
        assert changed.headers["ETag"] == api.get(path).headers["ETag"] != tag

    def test_a_change_under_an_old_tag_is_not(self, api: Program, thing: tuple[str, Any]) -> None:
        path, change = thing
        tag = api.get(path).headers["ETag"]
        api.patch(path, change)
        now = api.get(path).json

        for method in ("PATCH", "DELETE"):
            late = api.call(method, path, {"enabled": True} if method == "PATCH" else None, **{"If-Match": tag})
            assert (late.status_code, late.json["code"]) == (412, "PRECONDITION_FAILED")
        assert api.call("PATCH", path, {"enabled": True}, **{"If-Match": f"W/{tag}"}).status_code == 412
        assert api.get(path).json == now

    def test_any_state_will_do_but_not_none(self, api: Program, thing: tuple[str, Any]) -> None:
        path, change = thing
        assert api.call("PATCH", path, change, **{"If-Match": "*"}).status_code == 200
        assert api.call("DELETE", path, None, **{"If-Match": "*"}).status_code == 204
        assert api.call("PATCH", path, change, **{"If-Match": "*"}).status_code == 404

    @pytest.mark.parametrize(
        "known", ["{}", "W/{}", '"other", W/"more",{}', "*"], ids=["strong", "weak", "list", "any"]
    )
    def test_what_its_reader_knows_is_not_sent_again(self, api: Program, thing: tuple[str, Any], known: str) -> None:
        path, change = thing
        tag = api.get(path).headers["ETag"]
        asked = {"If-None-Match": known.format(tag)}

        for method in ("GET", "HEAD"):
            answer = api.call(method, path, **asked)
            assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
            assert not {"Content-Type", "Content-Length"} & set(answer.headers.keys())
        api.patch(path, change)
        assert api.call("GET", path, **asked).status_code == (304 if known == "*" else 200)

    @pytest.mark.parametrize("unknown", ['"other"', "W/nonsense", "", ",", '"'])
    def test_what_its_reader_does_not_know_is_sent(self, api: Program, thing: tuple[str, Any], unknown: str) -> None:
        answer = api.call("GET", thing[0], **{"If-None-Match": unknown})
        assert (answer.status_code, answer.json) == (200, api.get(thing[0]).json)

    def test_a_stranger_learns_nothing_by_any_tag(
        self, api: Program, thing: tuple[str, Any], program: Callable[..., Program], charlie: Person
    ) -> None:
        for tag in ("*", api.get(thing[0]).headers["ETag"]):
            assert program(charlie).call("GET", thing[0], **{"If-None-Match": tag}).status_code == 404

    def test_a_write_is_done_whatever_its_sender_knows(self, api: Program, thing: tuple[str, Any]) -> None:
        path, change = thing
        assert api.call("PATCH", path, change, **{"If-None-Match": "*"}).status_code == 200


def test_a_schedule_that_ran_is_sent_again_and_may_be_changed_under_the_tag_of_before(
    app: Flask, api: Program, script: dict[str, Any]
) -> None:
    """Its next time moved by itself: the answer is another, and nobody's work would be undone."""
    path = f"/scripts/{script['id']}/schedules/"
    path += api.post(path[:-1], {"cron": "@daily"}).json["id"]
    tag = api.get(path).headers["ETag"]
    with app.app_context(), as_system(db.session):
        db.session.execute(update(Schedule).values(next_run_at=utcnow() + timedelta(minutes=1)))
        db.session.commit()

    assert api.call("GET", path, **{"If-None-Match": tag}).status_code == 200
    assert api.call("PATCH", path, {"misfire": "skip"}, **{"If-Match": tag}).status_code == 200
    assert api.call("PATCH", path, {"misfire": "once"}, **{"If-Match": tag}).status_code == 412
