"""Runs that somebody waits for: performed on the caller's thread, and recorded as fully as any other."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from models import AuditEntry, Event, Execution, Script, db
from models.base import utcnow
from models.database import reading
from models.tenancy import as_tenant
from services import direct, executions, live, runnable, scripts, subscriptions
from services.direct import Ran
from services.errors import Busy, NotFound
from services.holders import holder
from services.identity import Principal
from services.ledger import Begun, ledger
from services.parameters import InvalidInput
from services.queueing import Wanted, columns
from services.scripts import Changes
from services.wiring import redis
from tests.conftest import Person


def write(author: Principal, source: str, **more: object) -> Script:
    return scripts.create(author, Changes(name=f"Script {time.monotonic_ns()}", source=source, **more))


def answer(script: Script, seconds: float = 30, **more: Any) -> Ran:
    found = runnable.by_name(script.tenant_id, script.name_key)
    assert found
    return direct.run(found, Wanted(trigger="http", triggered_by="api", label="a caller", **more), seconds)


def row(author: Principal, execution_id: UUID) -> Execution:
    found = executions.get(author, execution_id)
    db.session.commit()
    return found


def running(script: Script) -> UUID:
    """The run of that script that goes on now, as another process sees it."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        found = db.session.scalar(
            select(Execution.id).where(Execution.script_id == script.id, Execution.status == "running")
        )
        db.session.commit()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("nothing runs")


def stop(author: Principal, execution_id: UUID) -> None:
    executions.cancel(author, execution_id)
    db.session.commit()


@pytest.fixture
def elsewhere(app: Flask, author: Principal) -> Iterator[Callable[..., Any]]:
    """Calls a function on another thread, in the author's tenant."""
    with ThreadPoolExecutor(20) as threads:

        def work(function: Callable[..., Any], *args: Any, **more: Any) -> Any:
            with app.app_context(), as_tenant(db.session, author.tenant.id):
                return function(*args, **more)

        yield lambda function, *args, **more: threads.submit(work, function, *args, **more)


def test_it_answers_with_what_the_script_returned_and_keeps_it_all(author: Principal) -> None:
    script = write(author, "console.log('seen', context.request.path); return { twice: context.input * 2 }")
    ran = answer(script, input=21, request={"path": "/orders"}, trigger_id=uuid4())

    kept = row(author, ran.id)
    assert (ran.status, ran.output, ran.code) == ("succeeded", {"twice": 42}, "")
    assert (kept.status, kept.output, kept.input, kept.request) == ("succeeded", {"twice": 42}, 21, {"path": "/orders"})
    assert (kept.trigger, kept.type, kept.triggered_by, kept.actor_label) == ("http", "http", "api", "a caller")
    assert kept.logs[0]["message"] == "seen /orders" and kept.run_ms is not None and kept.limits["timeout_ms"] == 30_000
    assert kept.leased_by == "" and kept.due_at is None and kept.started_at <= kept.finished_at
    assert db.session.get_one(Script, script.id, populate_existing=True).last_status == "succeeded"


def test_an_error_of_the_script_is_told_and_kept(author: Principal) -> None:
    ran = answer(write(author, "throw new Error('no such order')"))

    kept = row(author, ran.id)
    assert (ran.status, ran.code, ran.output) == ("failed", "RUNTIME_ERROR", None)
    assert (kept.status, kept.error_message) == ("failed", "no such order")


def test_it_waits_no_longer_than_it_was_told(author: Principal) -> None:
    began = time.monotonic()
    ran = answer(write(author, "for (;;) {}"), seconds=1)

    assert time.monotonic() - began < 10
    assert (ran.status, ran.code, row(author, ran.id).status) == ("timed_out", "TIMEOUT", "timed_out")


def test_by_name_it_is_the_value_of_a_call(author: Principal) -> None:
    script = write(author, "return [context.user.email, context.execution.type, context.input.n]",
                   parameters=[{"name": "n", "type": "number", "required": True}])  # fmt: skip
    ran = executions.run(author, script.name.upper(), {"n": 3})

    assert ran.output == ["alice@acme.test", "embedded", 3]
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "script.executed")).one()
    assert entry.actor_id == author.id and entry.after == {
        "execution": str(ran.id),
        "version": 1,
        "trigger": "embedded",
    }
    with pytest.raises(InvalidInput):
        executions.run(author, script.name, {"n": "three"})
    with pytest.raises(NotFound):
        executions.run(author, "there is none", {})


def test_while_it_runs_it_is_seen_heard_and_stopped(author: Principal, elsewhere: Callable[..., Any]) -> None:
    script = write(author, "console.log('begun'); for (;;) await sdk.sleep(20)")
    going = elsewhere(answer, script)
    run_id = running(script)

    until = time.monotonic() + 15
    while not live.read(run_id).logs:
        assert time.monotonic() < until
        time.sleep(0.02)
    stop(author, run_id)
    assert going.result(20).code == "CANCELLED" and row(author, run_id).status == "cancelled"


def test_of_a_process_that_died_the_sweep_tells_the_loss(author: Principal, elsewhere: Callable[..., Any]) -> None:
    script = write(author, "await sdk.sleep(1500); return 1")
    going = elsewhere(answer, script)
    run_id = running(script)
    db.session.execute(update(Execution).where(Execution.id == run_id).values(due_at=utcnow() - timedelta(seconds=1)))
    db.session.commit()
    executions.sweep()

    assert row(author, run_id).error_code == "LOST"
    assert going.result(20).output == 1  # who waits gets the answer all the same
    assert row(author, run_id).status == "failed", "a row that was given up must not be written again"


def test_a_crowd_takes_turns_and_nothing_is_lost(author: Principal, elsewhere: Callable[..., Any]) -> None:
    script = write(author, "return context.input", limits={"concurrency": 2})
    going = [elsewhere(answer, script, input=n) for n in range(40)]

    assert [one.result(60).output for one in going] == list(range(40))
    statuses = db.session.execute(select(Execution.status, func.count(Execution.id)).group_by(Execution.status)).all()
    assert [tuple(line) for line in statuses] == [("succeeded", 40)]


def test_who_would_wait_too_long_is_told_to_come_again(
    author: Principal, elsewhere: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "LONGEST_WAIT_S", 0.1)
    script = write(author, "await sdk.sleep(3000)", limits={"concurrency": 1})
    going = elsewhere(answer, script)
    run_id = running(script)

    with pytest.raises(Busy):
        answer(script)
    assert db.session.scalar(select(func.count(Execution.id))) == 1, "what was not begun leaves no row"
    stop(author, run_id)
    going.result(20)


def test_who_subscribes_to_ends_of_runs_hears_of_it(author: Principal) -> None:
    listener = write(author, "return 1")
    subscriptions.create(author, listener.id, "dastgoh.execution.succeeded")
    ran = answer(write(author, "return 2"))

    event = db.session.scalars(select(Event).where(Event.type == "dastgoh.execution.succeeded")).one()
    assert event.cause_id == ran.id and row(author, ran.id).status == "succeeded"


def test_it_writes_in_a_request_that_promised_to_read(author: Principal) -> None:
    script = write(author, "return 7")
    with reading():
        assert answer(script).output == 7


def _begun(script: Script, **wrong: Any) -> Begun:
    row = columns(script, Wanted(trigger="http")) | {"tenant_id": script.tenant_id, "status": "running"}
    return Begun(row | {"leased_by": holder(), "created_at": utcnow(), "started_at": utcnow()} | wrong)


def test_what_is_wrong_with_one_row_undoes_no_other(
    app: Flask, author: Principal, elsewhere: Callable[..., Any]
) -> None:
    script, gate = write(author, "return 1"), threading.Barrier(8)

    def begin(run: Begun) -> None:
        gate.wait()
        ledger().begin(run)

    going = [elsewhere(begin, _begun(script, **({"script_id": uuid4()} if n == 3 else {}))) for n in range(8)]
    problems = [type(problem) for one in going if (problem := one.exception(30))]
    assert problems == [IntegrityError]
    assert db.session.scalar(select(func.count(Execution.id))) == 7


def test_a_database_that_is_away_is_away_for_all_who_wait(
    author: Principal, elsewhere: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_entries: object) -> None:
        time.sleep(0.05)
        raise OperationalError("INSERT", {}, Exception("away"))

    monkeypatch.setattr("services.ledger._write_together", away)
    going = [elsewhere(answer, write(author, "return 1")) for _ in range(3)]
    assert all(isinstance(one.exception(30), OperationalError) for one in going)
    monkeypatch.undo()
    assert answer(write(author, "return 2")).output == 2, "and back for whoever comes next"


def test_a_writer_that_is_ended_leaves_nobody_waiting(
    author: Principal, elsewhere: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_entries: object) -> None:
        time.sleep(0.05)
        raise SystemExit

    script = write(author, "return 1")
    monkeypatch.setattr("services.ledger._write_together", ended)
    going = [elsewhere(ledger().begin, _begun(script)) for _ in range(4)]
    assert {type(one.exception(30)) for one in going} <= {SystemExit, RuntimeError}
    monkeypatch.undo()
    ledger().begin(_begun(script))
    assert db.session.scalar(select(func.count(Execution.id))) == 1


def test_a_name_is_looked_for_in_ones_own_tenant(author: Principal, charlie: Person) -> None:
    script = write(author, "return context.tenant.name")
    assert executions.run(author, script.name, None).output == "Acme"
    with as_tenant(db.session, charlie.principal.tenant.id), pytest.raises(NotFound):
        executions.run(charlie.principal, script.name, None)


def slots(script: Script) -> list[bytes]:
    return redis().zrange(f"slots:script:{script.id}", 0, -1) + redis().zrange(
        f"slots:tenant:{script.tenant_id}", 0, -1
    )


def until_free(script: Script) -> None:
    end = time.monotonic() + 15
    while slots(script):
        assert time.monotonic() < end, "a slot stayed taken"
        time.sleep(0.02)


def test_a_place_goes_from_run_to_run_and_is_given_back(author: Principal, elsewhere: Callable[..., Any]) -> None:
    script = write(author, "return 1")
    for _ in range(3):
        answer(script)
        assert len(slots(script)) <= 2, "one place, counted for the script and for the tenant"
    until_free(script)
    assert all(one.result(60).output == 1 for one in [elsewhere(answer, script) for _ in range(20)])
    until_free(script)


def test_the_last_place_is_never_kept_from_others(author: Principal) -> None:
    script = write(author, "return 1", limits={"concurrency": 1})
    answer(script)
    assert slots(script) == []


def test_the_places_of_a_lost_process_are_freed(author: Principal, elsewhere: Callable[..., Any]) -> None:
    script = write(author, "await sdk.sleep(1500); return 1", limits={"concurrency": 1})
    going = elsewhere(answer, script)
    run_id = running(script)
    db.session.execute(update(Execution).where(Execution.id == run_id).values(due_at=utcnow() - timedelta(seconds=1)))
    db.session.commit()
    executions.sweep()

    assert row(author, run_id).error_code == "LOST" and slots(script) == []
    going.result(20)
