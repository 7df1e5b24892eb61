"""What a tenant that has had its runs of this minute is told, door by door; and what waits instead."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update

from jobs.tasks import Dispatcher
from models import DeadLetter, Execution, Script, Tenant, db
from models.schedule import Schedule
from models.tenancy import as_system, as_tenant
from services import batch, beginning, executions, firing, meters, schedules, scripts, subscriptions
from services.beginning import MINUTE, Beginning
from services.errors import QuotaExceeded
from services.events import publish
from services.identity import Principal
from services.policies import concurrency
from services.scripts import Changes
from tests.conftest import Person
from tests.support.minutes import Minutes

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def script(author: Principal) -> Script:
    return scripts.create(author, Changes(name="Count", source="return 1"))


def may_begin(author: Principal, runs: int) -> None:
    db.session.execute(update(Tenant).where(Tenant.id == author.tenant.id).values(limits={"runs_per_minute": runs}))
    db.session.commit()


def call(author: Principal, name: str = "count") -> str:
    status = executions.run(author, name).status
    db.session.commit()
    return status


def delivered(author: Principal) -> UUID:
    answer = publish(author, "order.created")
    run = db.session.scalars(select(Execution.id).where(Execution.event_id == answer.event_id)).one()
    db.session.commit()
    return run


def state(run_id: UUID) -> tuple[str, str | None]:
    query = select(Execution.status, Execution.error_code).where(Execution.id == run_id)
    with as_system(db.session):
        found = db.session.execute(query).one()
        db.session.commit()
    return tuple(found)


def let_begin(*run_ids: UUID) -> Beginning:
    with as_system(db.session):
        return beginning.of(batch.turn([], run_ids).begun)


def slots(script: Script) -> set[str]:
    return set(concurrency.held(script.tenant_id, script.id))


def test_a_caller_is_told_when_to_come_again_and_nothing_is_written(
    author: Principal, script: Script, minutes: Minutes
) -> None:
    may_begin(author, 2)
    assert [call(author), call(author)] == ["succeeded", "succeeded"]
    minutes.pass_by(seconds=15)

    with pytest.raises(QuotaExceeded, match=r"may begin 2 runs a minute, and has\. Try again in 45 s") as refusal:
        call(author)
    db.session.rollback()
    assert round(refusal.value.resets_in) == 45
    assert len(db.session.scalars(select(Execution)).all()) == 2
    db.session.commit()

    minutes.pass_by(seconds=45)
    assert call(author) == "succeeded"


def test_so_is_who_presses_execute_or_repeat(author: Principal, script: Script, minutes: Minutes) -> None:
    may_begin(author, 1)
    run = executions.start(author, script.id)
    assert executions.wait_for(author, run.id, 20).status == "succeeded"

    with pytest.raises(QuotaExceeded):
        executions.start(author, script.id)
    with pytest.raises(QuotaExceeded):
        executions.replay(author, run.id)
    assert db.session.scalars(select(Execution.id)).all() == [run.id]


def test_a_script_that_calls_another_gets_an_error_it_can_catch(
    author: Principal, script: Script, minutes: Minutes
) -> None:
    scripts.create(author, Changes(name="Caller", source="""
        try { await sdk.scripts.run("count") } catch (error) { return [error.code, error.details.retry_after] }"""))  # fmt: skip
    may_begin(author, 1)

    ran = executions.run(author, "caller")

    assert ran.output == ["QUOTA_EXCEEDED", 60]
    db.session.commit()
    refused = db.session.scalars(select(Execution).where(Execution.parent_id == ran.id)).one()
    assert (refused.status, refused.error_code) == ("refused", "QUOTA_EXCEEDED")


def test_refusals_are_counted_for_the_operator(app: Flask, author: Principal, script: Script, minutes: Minutes, monkeypatch) -> None:  # fmt: skip
    counted = []
    monkeypatch.setattr(meters, "count", lambda name, amount=1, **labels: counted.append((name, labels)))
    may_begin(author, 1)
    call(author)
    counted.clear()
    with pytest.raises(QuotaExceeded):
        call(author)
    assert [each for each in counted if each[0].startswith("script_execution")] == [
        ("script_executions_total", {"trigger": "embedded", "status": "refused"}),
        ("script_execution_errors_total", {"code": "QUOTA_EXCEEDED"}),
    ]


def test_a_run_on_an_event_waits_for_the_next_minute_without_a_burnt_attempt(
    author: Principal, script: Script, minutes: Minutes
) -> None:
    subscriptions.create(author, script.id, "order.created")
    may_begin(author, 1)
    first, second = delivered(author), delivered(author)

    begun = let_begin(first, second)
    assert [one.execution_id for one in begun.now] == [first] and begun.waiting == {second: MINUTE}
    assert begun.next_minute_in == pytest.approx(60)
    assert state(second) == ("queued", None)
    assert slots(script) == {str(first)}, "who waits keeps no slot"

    minutes.pass_by(seconds=60)
    [later] = let_begin(second).now
    assert later.attempt == 1
    assert db.session.scalars(select(DeadLetter)).all() == []


def test_what_waits_for_a_slot_is_not_counted(author: Principal, script: Script, minutes: Minutes) -> None:
    scripts.save(author, script.id, Changes(limits={"concurrency": 1}))
    subscriptions.create(author, script.id, "order.created")
    may_begin(author, 2)
    first, second = delivered(author), delivered(author)

    [running] = let_begin(first, second).now
    assert let_begin(second).waiting == {second: "script"}
    concurrency.leave([running])
    assert [one.execution_id for one in let_begin(second).now] == [second]


@pytest.fixture
def fired(author: Principal, script: Script, minutes: Minutes) -> Callable[[], tuple[Schedule, UUID]]:
    """A schedule whose slot has just come due, and its run."""

    def fire() -> tuple[Schedule, UUID]:
        schedule = schedules.create(author, script.id, schedules.Changes(cron="* * * * *"))
        firing.fire_due(schedule.next_run_at)
        made = update(Execution).where(Execution.trigger_id == schedule.id).returning(Execution.id)
        run = db.session.scalars(made.values(created_at=datetime.fromtimestamp(minutes.now, UTC))).one()
        db.session.commit()
        return schedule, run

    return fire


def test_a_run_of_the_clock_waits_one_minute_and_its_ledger_says_why_it_waits_no_longer(
    author: Principal, script: Script, minutes: Minutes, fired: Callable[[], tuple[Schedule, UUID]]
) -> None:
    may_begin(author, 1)
    schedule, run = fired()
    call(author)
    assert let_begin(run) == Beginning(now=[], waiting={run: MINUTE}, next_minute_in=pytest.approx(60))
    assert state(run) == ("queued", None)

    minutes.pass_by(seconds=60)
    call(author)
    assert let_begin(run) == Beginning(next_minute_in=pytest.approx(60))
    assert state(run) == ("refused", "QUOTA_EXCEEDED")
    [entry] = schedules.ledger(author, schedule.id)
    assert (entry.state, entry.reason, entry.execution_id) == ("skipped", "quota", run)
    assert str(run) not in slots(script)


def test_a_run_of_the_clock_that_finds_room_in_the_next_minute_runs(
    author: Principal, script: Script, minutes: Minutes, fired: Callable[[], tuple[Schedule, UUID]]
) -> None:
    may_begin(author, 1)
    _, run = fired()
    call(author)
    let_begin(run)
    minutes.pass_by(seconds=60)

    assert [one.execution_id for one in let_begin(run).now] == [run]


def test_another_tenants_runs_go_on_meanwhile(
    app: Flask, author: Principal, script: Script, charlie: Person, minutes: Minutes
) -> None:
    subscriptions.create(author, script.id, "order.created")
    may_begin(author, 1)
    held = [delivered(author) for _ in range(3)]
    there = charlie.principal
    with as_tenant(db.session, there.tenant.id):
        theirs = scripts.create(there, Changes(name="Elsewhere", source="return 2"))
        subscriptions.create(there, theirs.id, "order.created")
        free = [delivered(there) for _ in range(3)]
    worker = Dispatcher(app, 2)
    worker.add([*((script.tenant_id, script.id, run) for run in held), *((theirs.tenant_id, theirs.id, run) for run in free)])  # fmt: skip
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and [state(run)[0] for run in free] != ["succeeded"] * 3:
            time.sleep(0.05)
        assert [state(run)[0] for run in free] == ["succeeded"] * 3
        assert sorted(state(run)[0] for run in held) == ["queued", "queued", "succeeded"]
    finally:
        worker.close(10)


def test_without_redis_everything_runs(author: Principal, script: Script, redis_away: None) -> None:
    may_begin(author, 1)
    assert [call(author), call(author)] == ["succeeded", "succeeded"]


def test_runs_wait_for_it_to_be_raised_no_longer_than_the_minute(
    author: Principal, script: Script, minutes: Minutes
) -> None:
    may_begin(author, 1)
    call(author)
    with pytest.raises(QuotaExceeded):
        call(author)
    db.session.rollback()
    may_begin(author, 2)
    assert call(author) == "succeeded"


def test_what_is_nobodys_wish_is_the_default(author: Principal, script: Script, minutes: Minutes) -> None:
    minutes.use_up(author.tenant.id)
    with pytest.raises(QuotaExceeded, match="600 runs"):
        call(author)
