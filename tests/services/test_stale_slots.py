"""Slots whose process died before it freed them, or that Redis kept while nobody reached it."""

import time

import pytest
from sqlalchemy import select

from jobs import tasks
from models import Execution, Script, db
from models.tenancy import as_system
from services import batch, executions, scripts, stale_slots, subscriptions
from services.events import publish
from services.identity import Principal
from services.policies import concurrency
from services.scripts import Changes
from services.wiring import redis


@pytest.fixture
def script(author: Principal) -> Script:
    script = scripts.create(author, Changes(name="One at a time", source="return 1", limits={"concurrency": 1}))
    subscriptions.create(author, script.id, "order.created")
    return script


def delivery(author: Principal) -> Execution:
    answer = publish(author, "order.created")
    return db.session.scalars(select(Execution).where(Execution.event_id == answer.event_id)).one()


def keep_slot_of(run: Execution) -> None:
    for key in (f"slots:script:{run.script_id}", f"slots:tenant:{run.tenant_id}"):
        redis().zadd(key, {str(run.id): time.time() + 90})


def status_of(run: Execution) -> str:
    return db.session.scalars(
        select(Execution.status).where(Execution.id == run.id).execution_options(populate_existing=True)
    ).one()


def test_the_slot_of_a_run_that_has_ended_keeps_nobody_waiting(author: Principal, script: Script) -> None:
    first, second = delivery(author), delivery(author)
    db.session.commit()
    executions.perform(first.id)
    keep_slot_of(first)

    executions.perform(second.id)
    assert status_of(second) == "queued", "its turn has not come"
    executions.perform(second.id)
    assert status_of(second) == "succeeded"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_worker_frees_it_too_and_burns_no_attempt(author: Principal, script: Script) -> None:
    first, second = delivery(author), delivery(author)
    db.session.commit()
    executions.perform(first.id)
    keep_slot_of(first)

    with as_system(db.session):
        begun = batch.turn([], [second.id]).begun
        assert tasks._take_slots(begun) == {second.id: "script"}
        begun = batch.turn([], [second.id]).begun
    assert tasks._take_slots(begun) == {} and begun[0].attempt == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_slot_of_a_run_that_goes_on_stays_its_own(
    author: Principal, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_slots, "LOOK_EVERY_S", 0.0)
    first, second = delivery(author), delivery(author)
    first.status, first.leased_by = "running", "elsewhere"
    db.session.commit()
    keep_slot_of(first)

    for _ in range(2):
        executions.perform(second.id)
        assert status_of(second) == "queued"
    assert concurrency.held(script.tenant_id, script.id) == {str(first.id)}
