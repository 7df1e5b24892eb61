"""The same request again: `Idempotency-Key`, callers that do not wait, and what happens when there is no room."""

import threading
import time

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from models import Execution, KvEntry, OutboxEntry, db
from models.tenancy import as_system
from services import executions

COUNTING = "const n = await sdk.cache.increment('calls'); return {n, body: context.request.body}"
KEY = {"Idempotency-Key": "order-17"}


def test_the_same_key_has_the_same_answer_and_one_run(serve, world, runs):
    serve(COUNTING)
    first, second = (world.post("/hooks/acme/orders", json={"a": 1}, headers=KEY) for _ in range(2))
    assert first.json == second.json == {"n": 1, "body": {"a": 1}}
    assert second.headers["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first.headers
    assert first.headers["X-Execution-Id"] == second.headers["X-Execution-Id"] == str(runs()[0].id)
    assert world.post("/hooks/acme/orders", json={"a": 1}, headers={"Idempotency-Key": "order-18"}).json["n"] == 2
    assert world.post("/hooks/acme/orders", json={"a": 1}).json["n"] == 3


def test_the_same_key_with_another_request_is_refused(serve, world, runs):
    serve(COUNTING)
    world.post("/hooks/acme/orders", json={"a": 1}, headers=KEY)
    for path, body in (("orders", {"a": 2}), ("orders?x=1", {"a": 1})):
        answer = world.post(f"/hooks/acme/{path}", json=body, headers=KEY)
        assert (answer.status_code, answer.json["code"]) == (422, "INVALID_INPUT")
    assert len(runs()) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "ключ".encode().decode("latin-1")])
def test_what_is_no_key_is_refused(serve, world, key, runs):
    serve(COUNTING)
    assert world.post("/hooks/acme/orders", headers={"Idempotency-Key": key}).status_code == 422
    assert runs() == []


def test_a_failure_is_an_answer_too(serve, world, runs):
    serve("throw new Error('x')")
    first, second = (world.post("/hooks/acme/orders", headers=KEY) for _ in range(2))
    assert (first.status_code, second.status_code, second.json["execution_id"]) == (
        500,
        500,
        first.json["execution_id"],
    )
    assert second.headers["Idempotency-Replayed"] == "true" and len(runs()) == 1


def test_while_the_first_goes_on_the_second_is_told_so(serve, world, app, runs):
    serve("await sdk.sleep(3000); return 1")
    answers = []
    first = threading.Thread(target=lambda: answers.append(app.test_client().post("/hooks/acme/orders", headers=KEY)))
    first.start()
    until = time.monotonic() + 15
    while not runs() and time.monotonic() < until:
        time.sleep(0.02)
    answer = world.post("/hooks/acme/orders", headers=KEY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    first.join(30)
    assert answers[0].json == 1 and len(runs()) == 1
    assert world.post("/hooks/acme/orders", headers=KEY).json == 1


def test_of_many_at_once_with_one_key_one_runs(serve, app, side_by_side, runs):
    serve(COUNTING)
    answers = side_by_side(*[lambda: app.test_client().post("/hooks/acme/orders", headers=KEY)] * 6)
    assert len(runs()) == 1 and {answer.status_code for answer in answers} <= {200, 409}
    assert any(answer.status_code == 200 for answer in answers)


def test_two_callers_with_the_same_key_do_not_meet(serve, world, token_of, make_user, acme, alice, runs):
    serve("return context.user.email", auth="token")
    dora = make_user("dora@acme.test", acme)
    for person in (alice, dora):
        headers = {**KEY, "Authorization": f"Bearer {token_of(person)}"}
        assert world.post("/hooks/acme/orders", headers=headers).json == person.email
    assert len(runs()) == 2


def test_a_crash_between_run_and_answer_leaves_a_key_that_nobody_runs_again(serve, world, app, runs):
    serve(COUNTING)
    world.post("/hooks/acme/orders", headers=KEY)
    with app.app_context(), as_system(db.session):  # as it stands when the process dies before the answer is kept
        db.session.execute(update(KvEntry).where(KvEntry.space.startswith("endpoint:")).values(holder="somebody dead"))
        db.session.commit()
    assert world.post("/hooks/acme/orders", headers=KEY).status_code == 409
    assert len(runs()) == 1


def test_a_key_means_nothing_to_a_request_that_only_asks(serve, world):
    serve(COUNTING)
    assert [world.get("/hooks/acme/orders", headers=KEY).json["n"] for _ in range(2)] == [1, 2]


# ---- nobody waits


def test_who_does_not_want_to_wait_gets_a_receipt_and_the_run_goes_through_the_queue(serve, world, app, runs):
    endpoint = serve("return context.request.body.a * 2", mode="async")
    answer = world.post("/hooks/acme/orders", json={"a": 21})
    [run] = runs()
    assert (answer.status_code, answer.json) == (202, {"execution_id": str(run.id)})
    assert answer.headers["Location"] == f"/api/v1/executions/{run.id}"
    assert (run.status, run.trigger, run.trigger_id) == ("queued", "http", endpoint.id)
    with app.app_context(), as_system(db.session):
        assert db.session.scalars(select(OutboxEntry.execution_id)).all() == [run.id]
    with app.app_context():
        executions.perform(run.id)
    assert (runs()[0].status, runs()[0].output) == ("succeeded", 42)


def test_a_receipt_is_given_again_for_the_same_key(serve, world, runs):
    serve("return 1", mode="async")
    first, second = (world.post("/hooks/acme/orders", headers=KEY) for _ in range(2))
    assert first.json == second.json and second.headers["Idempotency-Replayed"] == "true" and len(runs()) == 1


def test_who_does_not_want_to_wait_is_told_at_once_what_does_not_fit(serve, world, runs):
    serve("return context.input.n", mode="async", parameters=[{"name": "n", "type": "integer", "required": True}])
    wrong = world.post("/hooks/acme/orders", json={"n": "many"}, headers=KEY)
    assert (wrong.status_code, wrong.json["code"], wrong.json["errors"][0]["field"]) == (422, "INVALID_INPUT", "n")
    assert runs() == []
    assert world.post("/hooks/acme/orders", json={"n": 3}, headers=KEY).status_code == 202


# ---- no room


def test_when_there_is_no_room_it_says_when_to_come_again_and_the_key_stays_good(serve, world, app, runs, monkeypatch):
    monkeypatch.setattr("services.direct.LONGEST_WAIT_S", 0.05)
    endpoint = serve("return 1", script_limits={"concurrency": 1})
    app.extensions["redis"].zadd(f"slots:script:{endpoint.script_id}", {"another run": time.time() + 60})
    answer = world.post("/hooks/acme/orders", headers=KEY)
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "BUSY", "1")
    assert runs() == []
    app.extensions["redis"].delete(f"slots:script:{endpoint.script_id}")
    assert world.post("/hooks/acme/orders", headers=KEY).json == 1


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_scripts_that_are_switched_off_say_so(serve, world, app, settings, mode):
    serve("return 1", mode=mode)
    object.__setattr__(app.extensions["settings"], "scripts_enabled", False)
    answer = world.post("/hooks/acme/orders")
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "FEATURE_DISABLED", "60")


def test_a_database_that_is_away_is_no_page(serve, world, monkeypatch, app):
    serve("return 1")
    with app.app_context():
        monkeypatch.setattr(db.engine.pool, "connect", _away)
    answer = world.post("/hooks/acme/orders")
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "UNAVAILABLE", "5")
    assert isinstance(answer.json["request_id"], str)


def _away(*_args: object) -> None:
    raise OperationalError("SELECT 1", {}, Exception("it is away"))


def test_each_run_is_kept(serve, world, app):
    serve("return 1")
    for _ in range(3):
        world.post("/hooks/acme/orders")
    with app.app_context(), as_system(db.session):
        assert db.session.scalars(select(Execution.status)).all() == ["succeeded"] * 3
