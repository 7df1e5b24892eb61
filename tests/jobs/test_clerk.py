"""What a worker's clerk takes for its threads, and when. In place of engines: functions."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from jobs import tasks
from jobs.tasks import Dispatcher
from models import Execution, db
from models.database import reading
from models.tenancy import as_system, as_tenant
from runtime import Outcome
from services import claims, outcomes, process, scripts, subscriptions
from services.calls import Call
from services.events import publish_batch
from services.queue import HandedOver
from services.scripts import Changes
from tests.conftest import Person

THREADS = 6
Publish = Callable[..., list[HandedOver]]


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def publish(app: Flask, alice: Person) -> Iterator[Publish]:
    """So many events to a script that may run so often at once: their runs."""

    def published(count: int, concurrency: int) -> list[HandedOver]:
        author = alice.principal
        with app.app_context(), as_tenant(db.session, author.tenant.id):
            limits = {"concurrency": concurrency}
            script = scripts.create(author, Changes(name="Price new orders", source="return 1", limits=limits))
            subscriptions.create(author, script.id, "order.*")
            publish_batch(author, [{"type": "order.created"}] * count)
            rows = db.session.execute(select(Execution.tenant_id, Execution.script_id, Execution.id)).all()
            db.session.remove()
            return [tuple(row) for row in rows]

    yield published
    process.close(app)


@pytest.fixture
def perform(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[HandedOver], Callable[[], object]], None]:
    """Has these runs performed, each by calling the function."""

    def performed(runs: list[HandedOver], script: Callable[[], object]) -> None:
        done = []

        def ended(call: Call) -> dict[str, object]:
            script()
            done.append(call.execution_id)
            return {**outcomes.finished(Outcome(value=1)), "limits": {}}

        monkeypatch.setattr(tasks, "ended_of", ended)
        dispatcher = Dispatcher(app, THREADS)
        dispatcher.add(runs)
        until = time.monotonic() + 60
        while time.monotonic() < until and len(done) < len(runs):
            time.sleep(0.02)
        dispatcher.close(10)
        assert statuses(app) == {"succeeded": len(runs)}

    return performed


def statuses(app: Flask) -> Counter[str]:
    with app.app_context(), as_system(db.session), reading():
        return Counter(db.session.scalars(select(Execution.status)))


def test_what_would_wait_for_long_runs_stays_queued(app: Flask, publish: Publish, perform) -> None:
    all_at_work = threading.Barrier(THREADS)
    seen = []

    def long() -> None:
        if len(seen) < THREADS:
            seen.append(1)
            if all_at_work.wait(30) == 0:
                seen.append(statuses(app))
            all_at_work.wait(30)

    perform(publish(THREADS + 4, concurrency=20), long)

    assert {"running": THREADS, "queued": 4} in seen


def test_no_more_is_claimed_than_a_script_may_do_at_once(
    publish: Publish, perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back, give_back = [], claims.give_back
    monkeypatch.setattr(claims, "give_back", lambda *what: given_back.append(what) or give_back(*what))

    perform(publish(30, concurrency=2), lambda: None)

    assert len(given_back) < THREADS, "the first time, when its limit was not known yet"


def test_the_clerk_does_not_rest_while_threads_have_nothing_to_do(
    publish: Publish, perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "TURN_EVERY_S", 20.0)

    began = time.monotonic()
    perform(publish(3, concurrency=1), lambda: None)

    assert time.monotonic() - began < 20, "one after the other, and the clerk rested between any two of them"
