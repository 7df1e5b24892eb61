"""Runs from their beginning to their end, through the real engine, on both databases."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from models import AuditEntry, Execution, OutboxEntry, Script, Tenant, db
from models.base import utcnow
from models.tenancy import as_tenant
from services import claims, executions, live, meters, queueing, scripts
from services.errors import Conflict, Forbidden, NotFound
from services.identity import Principal
from services.parameters import InvalidInput
from services.queueing import Wanted
from services.scripts import Changes
from services.turns import turns
from tests.conftest import Person


def write(author: Principal, source: str, **more: object) -> Script:
    return scripts.create(author, Changes(name=f"Script {time.monotonic_ns()}", source=source, **more))


def finish(author: Principal, script: Script, seconds: float = 20, **more: object) -> Execution:
    return executions.wait_for(author, executions.start(author, script.id, **more).id, seconds)


def queue(script: Script, **more: Any) -> UUID:
    """A row that nobody has taken yet."""
    run = queueing.queued(script, Wanted(trigger="event", triggered_by="system", **more))
    db.session.commit()
    return run.id


def fresh(author: Principal, execution_id: UUID) -> Execution:
    found = executions.get(author, execution_id)
    db.session.commit()
    return found


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def test_a_run_returns_what_the_script_returned(author: Principal) -> None:
    script = write(author, "console.log('hello', context.input.a); return context.input.a * 2")

    ended = finish(author, script, input={"a": 21})

    assert (ended.status, ended.output, ended.error) == ("succeeded", 42, None)
    assert [line["message"] for line in ended.logs] == ["hello 21"]
    assert ended.version_number == 1 and ended.attempt == 1 and ended.run_ms is not None
    assert ended.limits["timeout_ms"] == 30_000


def test_unsaved_code_is_repeated_with_the_declarations_it_had(author: Principal) -> None:
    declared = {"name": "n", "type": "integer", "default": 1}
    script = write(author, "return 'saved'", parameters=[declared])
    first = finish(author, script, input={}, source="return context.input.n")
    scripts.save(author, script.id, Changes(parameters=[{**declared, "default": 2}]))

    again = executions.wait_for(author, executions.replay(author, first.id).id, 20)

    assert (first.output, again.output) == (1, 1)
    assert finish(author, script, input={}, source="return context.input.n").output == 2


def test_the_script_sees_who_runs_it_and_why(author: Principal, alice: Person) -> None:
    context = finish(author, write(author, "return context"), input=[1]).output

    assert context["tenant"]["id"] == str(author.tenant.id)
    assert context["user"]["email"] == alice.email and "scripts.execute" in context["user"]["permissions"]
    assert context["execution"]["type"] == "one_off" and context["execution"]["triggeredBy"] == "user"
    assert (context["trigger"], context["input"], context["script"]["version"]) == ("manual", [1], 1)
    assert abs(context["deadlineMs"] / 1000 - time.time() - 30) < 30


def test_a_run_is_pinned_to_the_version_it_was_wanted_on(author: Principal) -> None:
    script = write(author, "return 'first'")
    waiting = queue(script)
    scripts.save(author, script.id, Changes(source="return 'second'"))

    executions.perform(waiting)

    assert fresh(author, waiting).output == "first"


def test_an_older_version_takes_the_input_it_declared_itself(author: Principal) -> None:
    script = write(author, "return 'first'", parameters=[{"name": "a", "type": "integer", "required": True}])
    scripts.save(author, script.id, Changes(parameters=[{"name": "b", "type": "string", "required": True}]))

    assert finish(author, script, input={"a": 1}, version=1).output == "first"
    with pytest.raises(InvalidInput, match="a:"):
        executions.start(author, script.id, input={"b": "x"}, version=1)


@pytest.mark.parametrize("number", [-1, 0, 2, 2**31, 2**63, 10**30])
def test_a_version_that_is_not_there_is_not_found(author: Principal, number: int) -> None:
    script = write(author, "return 1")

    with pytest.raises(NotFound):
        executions.start(author, script.id, version=number)


def test_of_two_who_take_it_one_performs_it(app: Flask, author: Principal) -> None:
    script = write(author, "console.log('ran'); await sdk.sleep(200); return 1")
    waiting = queue(script)

    def take() -> None:
        with app.app_context():
            executions.perform(waiting)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ended = fresh(author, waiting)
    assert (ended.status, len(ended.logs)) == ("succeeded", 1)


def test_the_database_is_free_while_a_script_runs(author: Principal) -> None:
    slow = executions.start(author, write(author, "await sdk.sleep(25_000)").id)
    until(lambda: fresh(author, slow.id).status == "running")

    write(author, "return 1")

    assert fresh(author, slow.id).status == "running"
    executions.cancel(author, slow.id)


def test_a_run_that_is_not_ours_any_more_is_not_finished_by_us(author: Principal) -> None:
    waiting = queue(write(author, "return 1"))
    claims.claim(waiting, 60)
    row = db.session.get_one(Execution, waiting)
    row.leased_by = "somebody else"
    db.session.commit()

    assert claims.finish(waiting, {"status": "succeeded"}) is False
    db.session.rollback()
    assert fresh(author, waiting).status == "running"


def test_a_run_whose_process_fell_silent_is_finished_as_lost(author: Principal) -> None:
    waiting = queue(write(author, "return 1"))
    manual = executions.queued(db.session.get_one(Script, fresh(author, waiting).script_id), Wanted(trigger="manual"))
    manual.status, manual.leased_by, manual.due_at = "running", "gone", utcnow() - timedelta(seconds=1)
    db.session.commit()
    lost_id = manual.id

    executions.sweep()

    lost = fresh(author, lost_id)
    assert (lost.status, lost.error["code"], lost.error["retryable"]) == ("failed", "LOST", True)
    assert fresh(author, waiting).status == "queued"


def test_a_run_nobody_picked_up_is_handed_over_again_once(author: Principal) -> None:
    waiting = queue(write(author, "return 1"))
    db.session.get_one(Execution, waiting).due_at = utcnow() - timedelta(seconds=1)
    db.session.commit()

    executions.sweep()
    executions.sweep()

    entries = db.session.scalars(select(OutboxEntry).where(OutboxEntry.execution_id == waiting)).all()
    assert len(entries) == 1 and fresh(author, waiting).status == "queued"


def test_a_living_run_keeps_its_lease(app: Flask, author: Principal) -> None:
    app.extensions["settings"] = replace(app.extensions["settings"], run_lease_s=1, script_timeout_ms=10_000)
    slow = executions.start(author, write(author, "await sdk.sleep(2500); return 'alive'").id)
    until(lambda: fresh(author, slow.id).status == "running")

    while not fresh(author, slow.id).is_finished:
        executions.sweep()
        time.sleep(0.1)

    assert fresh(author, slow.id).output == "alive"


def test_too_many_at_once_wait_for_one_another(author: Principal) -> None:
    script = write(author, "await sdk.sleep(300); return Date.now()", limits={"concurrency": 1})

    started = [executions.start(author, script.id).id for _ in range(3)]
    ended = [executions.wait_for(author, run, 20) for run in started]

    assert [run.status for run in ended] == ["succeeded"] * 3
    times = sorted(run.output for run in ended)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 290


def test_who_waits_too_long_is_refused_and_says_so(app: Flask, author: Principal) -> None:
    app.extensions["settings"] = replace(app.extensions["settings"], script_acquire_timeout_ms=500)
    script = write(author, "console.log('in'); await sdk.sleep(60000)", limits={"concurrency": 1, "timeout_ms": 90_000})
    first = executions.start(author, script.id)
    until(lambda: bool(live.read(first.id).logs))

    second = executions.wait_for(author, executions.start(author, script.id).id, 15)

    assert (second.status, second.error_code) == ("refused", "RATE_LIMITED")
    executions.cancel(author, first.id)


def test_a_crowd_of_one_tenant_takes_no_thread_from_another(
    app: Flask, author: Principal, charlie: Person, globex: Tenant
) -> None:
    crowd = write(author, "await sdk.sleep(25_000)", limits={"concurrency": 1})
    started = [executions.start(author, crowd.id).id for _ in range(30)]

    with as_tenant(db.session, globex.id):
        theirs = write(charlie.principal, "return 'in time'")
        ended = finish(charlie.principal, theirs)

    assert ended.output == "in time"
    assert "succeeded" not in {fresh(author, run).status for run in started}
    for run in started:
        executions.cancel(author, run)


def test_scripts_switched_off_run_nothing(app: Flask, author: Principal) -> None:
    app.extensions["settings"] = replace(app.extensions["settings"], scripts_enabled=False)

    ended = finish(author, write(author, "return 1"))

    assert (ended.status, ended.error["code"]) == ("refused", "FEATURE_DISABLED")


def test_input_is_checked_whatever_starts_the_run(author: Principal) -> None:
    script = write(author, "return context.input.n", parameters=[{"name": "n", "type": "integer", "required": True}])
    waiting = queue(script, input={"n": "many"})

    with pytest.raises(InvalidInput):
        executions.start(author, script.id, input={})
    executions.perform(waiting)

    ended = fresh(author, waiting)
    assert (ended.status, ended.error["code"]) == ("refused", "INVALID_INPUT")
    assert ended.error["details"]["faults"][0]["name"] == "n"


def test_a_queued_run_is_withdrawn(author: Principal) -> None:
    waiting = queue(write(author, "return 1"))

    executions.cancel(author, waiting)
    executions.perform(waiting)

    assert fresh(author, waiting).status == "cancelled"
    with pytest.raises(Conflict):
        executions.cancel(author, waiting)


def test_a_stop_is_kept_by_a_run_that_goes_back_to_the_queue(author: Principal) -> None:
    waiting = queue(write(author, "return 1"))
    claims.claim(waiting, 60)
    executions.cancel(author, waiting)
    claims.give_back(waiting, utcnow())
    db.session.commit()

    executions.perform(waiting)

    assert fresh(author, waiting).status == "cancelled"


def test_a_stop_that_comes_too_late_says_so_and_leaves_no_trace(
    author: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = finish(author, write(author, "return 1"))
    seen = fresh(author, ended.id)
    seen.status = "running"  # as it looked a moment before it ended
    monkeypatch.setattr(executions, "get", lambda *_: seen)
    db.session.expunge(seen)

    with pytest.raises(Conflict):
        executions.cancel(author, ended.id)

    row = db.session.get_one(Execution, ended.id)
    assert (row.status, row.cancel_requested) == ("succeeded", False)
    assert db.session.scalar(select(AuditEntry).where(AuditEntry.action == "execution.cancelled")) is None


def test_a_stop_is_heard_at_any_moment(author: Principal) -> None:
    script = write(author, "while (true) await sdk.sleep(1)", limits={"max_api_calls": 1000, "concurrency": 20})

    for pause in (0, 0.002, 0.01, 0.05, 0.2):
        run = executions.start(author, script.id)
        time.sleep(pause)
        executions.cancel(author, run.id)
        assert executions.wait_for(author, run.id, 10).status == "cancelled"


def test_nobody_waits_for_a_run_on_threads_that_other_tenants_need(author: Principal) -> None:
    assert author.tenant is not None
    run = queue(write(author, "return 1"))

    with ExitStack() as crowd:
        while crowd.enter_context(turns().watching(author.tenant.id)):
            pass
        assert executions.wait_for(author, run, 3600).status == "queued"


def test_live_lines_are_there_while_it_runs(author: Principal) -> None:
    run = executions.start(author, write(author, "console.log('one'); await sdk.sleep(3000); return 1").id)

    until(lambda: [line["message"] for line in live.read(run.id).logs] == ["one"])

    assert fresh(author, run.id).status == "running"


def test_without_redis_a_run_still_runs(redis_away: None, author: Principal) -> None:
    script = write(author, "console.log('alone'); return 'done'")

    ended = finish(author, script)

    assert (ended.status, ended.output, len(ended.logs)) == ("succeeded", "done", 1)


def test_who_ran_what_is_in_the_audit_log(author: Principal) -> None:
    script = write(author, "return 1")
    run = finish(author, script)

    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "script.executed")).one()

    assert (entry.target_id, entry.actor_label) == (str(script.id), author.email)
    assert entry.after["execution"] == str(run.id)


def counted(app: Flask) -> Counter[tuple[str, str]]:
    """By status or code, over all this process has counted; what other tests left in it too."""
    meters.flush(app.extensions["redis"])
    return Counter({
        (name, labels.get("status") or labels["code"]): round(value)
        for name, labels, value in meters.read(app.extensions["redis"])
        if name in ("script_executions_total", "script_execution_errors_total")
    })  # fmt: skip


def test_runs_are_counted(app: Flask, author: Principal) -> None:
    before = counted(app)
    finish(author, write(author, "return 1"))
    finish(author, write(author, "throw new Error('no')"))

    assert counted(app) - before == {
        ("script_executions_total", "succeeded"): 1, ("script_executions_total", "failed"): 1,
        ("script_execution_errors_total", "RUNTIME_ERROR"): 1,
    }  # fmt: skip


def test_a_script_that_calls_itself_ends(author: Principal) -> None:
    script = scripts.create(author, Changes(name="Ouroboros", source="return await sdk.scripts.run('ouroboros', {})"))

    ended = finish(author, script)

    assert ended.status == "failed" and ended.error["code"] == "LOOP_GUARD"


def test_only_who_may_execute_starts_runs(
    author: Principal, bob: Person, charlie: Person, as_person: Callable[[Person], Principal]
) -> None:
    script_id = write(author, "return 1").id

    with pytest.raises(Forbidden):
        executions.start(bob.principal, script_id)
    with pytest.raises(NotFound):
        executions.start(as_person(charlie), script_id)
