"""Killing workers, relays and Redis while events are delivered: nothing lost, nothing run twice at once."""

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import undefer

from jobs.embedded_redis import EmbeddedRedis
from models import DeadLetter, Execution, Script, Tenant, db
from models.database import reading
from models.tenancy import as_system, as_tenant
from services import process, scripts, subscriptions
from services.events import publish_batch
from services.identity import Principal
from services.scripts import Changes
from settings import Settings
from tests.conftest import Person, settings_for
from tests.support.ledger import Ledger, facts
from tests.support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# A lost run is missed soon, so that the tests need not wait long; not so soon that a busy machine loses living ones.
QUICK = {"SCRIPT_TIMEOUT_MS": "1500", "RUN_LEASE_S": "6", "SCRIPT_VM_POOL_SIZE": "4", "DRAIN_SECONDS": "5"}


class Storm:
    """Whatever runs is killed with -9 now and then, at random moments: workers, relay and sweeper, Redis."""

    def __init__(self, stack: Stack, redis: EmbeddedRedis, seed: int) -> None:
        self.stack, self.redis, self.dice = stack, redis, random.Random(seed)
        self.killed: Counter[str] = Counter()

    def strike(self) -> None:
        victim = self.dice.choice([*self.stack.processes, "redis", "redis's memory", "nobody"])
        self.killed[victim.split()[0]] += 1
        if victim in self.stack.processes:
            self.stack.kill(victim)
            self.stack.start(victim.split()[0], victim)
        elif victim == "redis":
            assert self.redis._process
            self.redis._process.kill()
            self.redis._process.wait()
            time.sleep(self.dice.uniform(0, 0.5))
            self.redis.start()
        elif victim == "redis's memory":
            connection = Redis.from_url(self.redis.url)
            connection.flushall()
            connection.close()


@pytest.fixture
def database() -> str:
    """SQLite, unless a test asks for more."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    url = settings.database_url
    if "own_postgres" in request.fixturenames:
        url = request.getfixturevalue("own_postgres").url("dastgoh")
    return settings_for(settings.data_dir, REDIS_URL=settings.redis_url, DATABASE_URL=url, **QUICK)


@pytest.fixture
def own_redis() -> Iterator[EmbeddedRedis]:
    """Of this test alone: it is killed."""
    with tempfile.TemporaryDirectory(prefix="dastgoh-") as directory:
        server = EmbeddedRedis(Path(directory) / "redis.sock", Path(directory))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_url(own_redis: EmbeddedRedis) -> str:
    return own_redis.url


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger() as made:
        yield made


@pytest.fixture
def storm(stack: Stack, own_redis: EmbeddedRedis) -> Callable[[int], Storm]:
    return lambda seed: Storm(stack, own_redis, seed)


@pytest.fixture
def stack(settings: Settings, ledger: Ledger) -> Iterator[Stack]:
    environment = {"SCRIPT_HTTP_ALLOW": ledger.host,
                   "DATA_DIR": str(settings.data_dir), "REDIS_URL": settings.redis_url, "LOG_LEVEL": "WARNING",
                   "DATABASE_URL": settings.database_url, **QUICK}  # fmt: skip
    made = Stack(environment, settings.data_dir / "log")
    yield made
    made.stop()


@pytest.fixture
def subscribed(app: Flask, alice: Person) -> Callable[[str], Script]:
    def make(source: str, **more: object) -> Script:
        with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
            script = scripts.create(alice.principal, Changes(name="Price new orders", source=source, **more))
            subscriptions.create(alice.principal, script.id, "order.*")
            process.close(app)
            return script

    return make


def send(app: Flask, author: Principal, count: int, offset: int = 0) -> int:
    items = [{"type": "order.created", "data": n, "id": f"e{n}"} for n in range(offset, offset + count)]
    with app.app_context(), as_tenant(db.session, author.tenant.id):
        return sum(one.matched for one in publish_batch(author, items))


def runs(app: Flask) -> list[Execution]:
    with app.app_context(), as_system(db.session):
        rows = db.session.scalars(select(Execution).options(undefer(Execution.attempts))).all()
        db.session.commit()
        return list(rows)


def wait_until(app: Flask, holds: Callable[[list[Execution]], bool], seconds: float = 90) -> list[Execution]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = runs(app)
        if holds(found):
            return found
        time.sleep(0.1)
    raise AssertionError(sorted((run.status, run.attempt, str(run.due_at)) for run in runs(app))[:20])


def all_ended(found: list[Execution]) -> bool:
    return all(run.is_finished for run in found)


def overlaps(run: Execution) -> bool:
    """Whether an attempt began before the one before it had ended."""
    ended = None
    for attempt in run.attempts:
        if ended and datetime.fromisoformat(attempt["started_at"]) < ended:
            return True
        ended = datetime.fromisoformat(attempt["finished_at"])
    return bool(ended and run.started_at and run.started_at < ended)


def balances(app: Flask, matched: int) -> None:
    found = runs(app)
    ends = [run.status for run in found]
    with app.app_context(), as_system(db.session):
        buried = set(db.session.scalars(select(DeadLetter.execution_id)))
    failed = {run.id for run in found if run.status in ("failed", "timed_out", "refused")}
    assert len(ends) == matched
    assert failed == buried
    assert ends.count("succeeded") + len(buried) + ends.count("cancelled") == matched
    assert not any(map(overlaps, found))


def test_runs_of_a_killed_worker_are_marked_lost_and_tried_again(app, alice, stack, subscribed) -> None:
    subscribed("await sdk.sleep(500); return context.execution.attempt")
    matched = send(app, alice.principal, 8)
    stack.start("scheduler")
    stack.start("worker")
    wait_until(app, lambda found: any(run.status == "running" for run in found))
    stack.kill("worker")
    stack.start("worker")
    ended = wait_until(app, all_ended)

    assert {run.status for run in ended} == {"succeeded"}, [
        (run.status, run.error_code, run.error_message, run.attempts) for run in ended if run.status != "succeeded"
    ]
    lost = [run for run in ended if run.attempts]
    assert lost and {attempt["error"]["code"] for run in lost for attempt in run.attempts} == {"LOST"}
    balances(app, matched)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_relays_and_two_workers_perform_each_run_once(app, alice, stack, subscribed) -> None:
    subscribed("return 1")
    for name in ("a", "b"):
        stack.start("scheduler", f"scheduler {name}")
        stack.start("worker", f"worker {name}")
    matched = send(app, alice.principal, 60)
    ended = wait_until(app, all_ended)

    assert {(run.status, run.attempt) for run in ended} == {("succeeded", 1)}
    balances(app, matched)


def test_an_emptied_redis_is_recovered_from_the_database(app, alice, stack, subscribed) -> None:
    subscribed("await sdk.sleep(200); return 1")
    stack.start("scheduler")
    matched = send(app, alice.principal, 20)
    until = time.monotonic() + 30
    while not app.extensions["redis"].exists("rq:queue:dastgoh") and time.monotonic() < until:
        time.sleep(0.05)
    app.extensions["redis"].flushall()
    stack.start("worker")
    wait_until(app, all_ended)

    balances(app, matched)


def test_a_worker_that_is_asked_to_stop_finishes_its_runs_and_gives_back_the_rest(
    app, alice, stack, subscribed
) -> None:
    subscribed("await sdk.sleep(800); return context.execution.attempt", limits={"concurrency": 2})
    stack.start("scheduler")
    worker = stack.start("worker")
    matched = send(app, alice.principal, 6)
    wait_until(app, lambda found: any(run.status == "running" for run in found))
    worker.terminate()

    assert worker.wait(20) == 0
    assert "running" not in {run.status for run in runs(app)}
    stack.start("worker")
    ended = wait_until(app, all_ended)
    assert {(run.status, run.attempt) for run in ended} == {("succeeded", 1)}
    balances(app, matched)


def test_a_single_event_does_not_stand_behind_a_crowd_and_limits_hold(app, alice, charlie, stack, subscribed) -> None:
    crowded = subscribed("await sdk.sleep(300); return 1", limits={"concurrency": 2})
    send(app, alice.principal, 60)
    for name in ("scheduler", "worker"):
        stack.start(name)
    wait_until(app, lambda found: any(run.status == "running" for run in found))
    author = charlie.principal
    with app.app_context(), as_tenant(db.session, author.tenant.id):
        lone = scripts.create(author, Changes(name="A single one", source="return 1"))
        subscriptions.create(author, lone.id, "order.*")
        process.close(app)
    send(app, author, 1, offset=1_000)
    found = wait_until(app, lambda found: any(run.script_id == lone.id and run.is_finished for run in found))

    [single] = [run for run in found if run.script_id == lone.id]
    begun_before = [
        run for run in found
        if run.script_id == crowded.id and run.started_at and single.created_at < run.started_at < single.started_at
    ]  # fmt: skip
    assert single.status == "succeeded"
    assert len(begun_before) <= 8, "at most a few turns of the crowd's two places"
    ended = [run for run in wait_until(app, all_ended) if run.script_id == crowded.id]
    assert {(run.status, run.attempt) for run in ended} == {("succeeded", 1)}
    assert most_at_once(ended) <= 2


def most_at_once(found: list[Execution]) -> int:
    moments = sorted([(run.started_at, 1) for run in found] + [(run.finished_at, -1) for run in found])
    most = now = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most


def chaos(
    app: Flask, author: Principal, storm: Storm, ledger: Ledger, count: int, at_once: int, longest_s: float
) -> None:
    for name in ("worker a", "worker b", "scheduler"):
        storm.stack.start(name.split()[0], name)
    matched = 0
    while matched < count:
        matched += send(app, author, min(at_once, count - matched), matched)
        time.sleep(storm.dice.uniform(0.1, longest_s))
        storm.strike()
    wait_for_all(app, 900)
    balances(app, count)
    assert ledger.faults() == []
    succeeded = {str(run.id) for run in runs(app) if run.status == "succeeded"}
    assert succeeded == {word.run for word in ledger.words if word.what == "end"} & succeeded


def wait_for_all(app: Flask, seconds: float) -> None:
    """Without reading ten thousand runs again and again."""
    until = time.monotonic() + seconds
    with app.app_context(), as_system(db.session), reading():
        going_on = select(func.count(Execution.id)).where(Execution.status.in_(("queued", "running")))
        while left := db.session.scalar(going_on):
            db.session.commit()
            assert time.monotonic() < until, f"{left} runs do not come to an end"
            time.sleep(0.3)


def test_a_database_that_dies_keeps_all_it_acknowledged(own_postgres, app, alice, stack, ledger, subscribed) -> None:
    subscribed(ledger.source(FAILS_SOMETIMES))
    for name in ("worker", "scheduler"):
        stack.start(name)
    sender = threading.Thread(target=send_until_acknowledged, args=(app, alice.principal, 80))
    sender.start()
    dice = random.Random(2)
    for _ in range(3):
        time.sleep(dice.uniform(0.5, 2))
        own_postgres.crash()
        own_postgres.revive()
    sender.join(60)
    with app.app_context():
        db.engine.dispose()  # connections of before
    wait_for_all(app, 90)

    balances(app, 80)
    assert ledger.faults() == []


def send_until_acknowledged(app: Flask, author: Principal, count: int) -> None:
    """A sender that heard no answer sends the same event again: its id keeps it from counting twice."""
    for sent in range(0, count, 5):
        while True:
            try:
                send(app, author, 5, sent)
                break
            except SQLAlchemyError:
                time.sleep(0.1)
        time.sleep(0.1)


FAILS_SOMETIMES = "if (context.event.data % 10 == 3) throw new sdk.Fatal('no');"


def test_the_ledger_balances_after_random_kills(app, alice, storm, ledger, subscribed) -> None:
    subscribed(ledger.source(FAILS_SOMETIMES))
    chaos(app, alice.principal, storm(1), ledger, 120, 20, 1.5)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_ledger_balances_after_ten_thousand_events(app, alice, storm, ledger, subscribed, capsys) -> None:
    subscribed(ledger.source(FAILS_SOMETIMES))
    with app.app_context(), as_system(db.session):
        db.session.get_one(Tenant, alice.principal.tenant.id).limits = {"runs_per_minute": 1_000_000}
        db.session.commit()
    seed, began = int(time.time()), time.monotonic()
    weather = storm(seed)
    chaos(app, alice.principal, weather, ledger, 10_000, 200, 4.0)
    found = runs(app)
    with capsys.disabled():
        print(f"\nseed {seed}, {time.monotonic() - began:.0f} s, killed {dict(weather.killed)}, "
              f"ends {dict(Counter(run.status for run in found))}, "
              f"attempts lost {sum(len(run.attempts) for run in found)}, heard {facts(ledger)}")  # fmt: skip
