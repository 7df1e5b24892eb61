"""Slots whose process died before it freed them, or that Redis kept while nobody reached it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from subprocess import PIPE
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from models import Execution, Script, db
from models.tenancy import as_system
from services import batch, beginning, direct, executions, scripts, stale_slots, subscriptions
from services.errors import Busy
from services.events import publish
from services.identity import Principal
from services.limits import TENANT_CONCURRENCY
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
    keep_slot(run.tenant_id, run.script_id, str(run.id))


def keep_slot(tenant_id: UUID, script_id: UUID, name: str) -> None:
    ends = time.time() + 90
    for key in (f"slots:script:{script_id}", f"slots:tenant:{tenant_id}"):
        redis().zadd(key, {name: ends})


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
        assert beginning.of(begun).waiting == {second.id: "script"}
        begun = batch.turn([], [second.id]).begun
    assert beginning.of(begun).now == begun and begun[0].attempt == 1


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
    assert list(concurrency.held(script.tenant_id, script.id)) == [str(first.id)]


@pytest.fixture
def another() -> Iterator[tuple[str, Callable[[], None]]]:
    """Another process of this machine, by the name it holds things under, and how it dies."""
    code = "from services.holders import holder; print(holder(), flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE, text=True)
    assert process.stdin and process.stdout

    def die() -> None:
        process.kill()
        process.wait()

    yield process.stdout.readline().strip(), die
    die()
    process.stdin.close()
    process.stdout.close()


Another = tuple[str, Callable[[], None]]


def test_what_a_killed_process_kept_stands_in_nobodys_way(
    author: Principal, script: Script, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, die = another
    monkeypatch.setattr(stale_slots, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(direct, "LONGEST_WAIT_S", 0.2)
    keep_slot(script.tenant_id, script.id, f"{name}/{uuid4().hex}")
    db.session.commit()

    with pytest.raises(Busy):
        executions.run(author, script.name, None)
    assert len(concurrency.held(script.tenant_id, script.id)) == 1, "while it lives the place is its own"
    die()
    assert executions.run(author, script.name, None).output == 1


def test_the_slot_of_a_run_whose_process_was_killed_is_free_before_its_lease_is_over(
    author: Principal, script: Script, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, die = another
    monkeypatch.setattr(stale_slots, "LOOK_EVERY_S", 0.0)
    first, second = delivery(author), delivery(author)
    first.status, first.leased_by = "running", name
    db.session.commit()
    keep_slot_of(first)

    for _ in range(2):
        executions.perform(second.id)
        assert status_of(second) == "queued", "the other lives"
    die()
    for _ in range(2):
        executions.perform(second.id)
    assert (status_of(first), status_of(second)) == ("running", "succeeded"), (
        "what became of the first the sweep will say"
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_it_kept_for_other_scripts_stands_in_nobodys_way_either(
    author: Principal, script: Script, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, die = another
    monkeypatch.setattr(stale_slots, "LOOK_EVERY_S", 0.0)
    others = [scripts.create(author, Changes(name=f"Other {n}", source="return 2")) for n in range(2)]
    for number in range(TENANT_CONCURRENCY):
        keep_slot(script.tenant_id, others[number % 2].id, f"{name}/{uuid4().hex}")
    db.session.commit()
    die()

    assert executions.run(author, script.name, None).output == 1
    assert [executions.run(author, other.name, None).output for other in others] == [2, 2]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_slot_that_was_taken_again_meanwhile_is_not_freed(author: Principal, script: Script) -> None:
    """Between the look and the deed the run was tried again, elsewhere, under the same name."""
    run = delivery(author)
    keep_slot_of(run)
    [(name, ends)] = concurrency.held(script.tenant_id, script.id).items()
    time.sleep(0.01)
    keep_slot_of(run)

    concurrency.free_as_seen([(script.tenant_id, script.id, name, ends)])
    [(name, later)] = concurrency.held(script.tenant_id, script.id).items()
    assert later > ends
    concurrency.free_as_seen([(script.tenant_id, script.id, name, later)])
    assert concurrency.held(script.tenant_id, script.id) == {}
