"""Somebody else holds SQLite's one write lock: what waits, what is refused, and that nothing is half done."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from jobs.relay import Relay
from jobs.tasks import Dispatcher
from models import Event, Execution, OutboxEntry, db
from models.database import reading
from models.tenancy import as_system, as_tenant
from services import process, scripts, subscriptions
from services.events import publish, publish_batch
from services.queue import queue
from services.scripts import Changes
from settings import Settings
from tests.conftest import Person


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def locked(settings: Settings) -> Callable[[], object]:
    """`with locked():` another process writes, and does not come to an end."""

    @contextmanager
    def hold() -> Iterator[None]:
        with closing(sqlite3.connect(settings.data_dir / "dastgoh.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    return hold


@pytest.fixture
def author(app: Flask, alice: Person) -> Iterator[Person]:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        script = scripts.create(alice.principal, Changes(name="Price new orders", source="return context.event.data"))
        subscriptions.create(alice.principal, script.id, "order.*")
        db.session.remove()
    yield alice
    process.close(app)


def counts(app: Flask) -> tuple[int, int, int]:
    with app.app_context(), as_system(db.session), reading():
        mine = select(func.count(Event.id)).where(Event.source == "api")
        found = [db.session.scalar(query) for query in
                 (mine, select(func.count(Execution.id)), select(func.count(OutboxEntry.id)))]  # fmt: skip
        return tuple(found)


def test_publishing_waits_for_its_turn(app: Flask, author: Person, locked: Callable) -> None:
    begun = threading.Event()

    def send() -> None:
        begun.set()
        with app.app_context(), as_tenant(db.session, author.principal.tenant.id):
            publish(author.principal, "order.created", 1)

    thread = threading.Thread(target=send)
    with locked():
        thread.start()
        begun.wait(10)
        thread.join(0.5)
        assert thread.is_alive() and counts(app) == (0, 0, 0)
    thread.join(30)

    assert counts(app) == (1, 1, 1)


def test_who_waits_too_long_is_told_and_nothing_is_half_kept(app: Flask, author: Person, locked: Callable) -> None:
    with locked(), app.app_context(), as_tenant(db.session, author.principal.tenant.id):
        with reading(), db.engine.connect() as connection:  # the pool hands this very connection out again
            connection.exec_driver_sql("PRAGMA busy_timeout=200")
        items = [{"type": "order.created", "data": n, "id": str(n)} for n in range(20)]
        with pytest.raises(OperationalError, match="locked"):
            publish_batch(author.principal, items)
        db.session.remove()
    assert counts(app) == (0, 0, 0)

    with app.app_context(), as_tenant(db.session, author.principal.tenant.id):
        assert sum(one.matched for one in publish_batch(author.principal, items)) == 20
    assert counts(app) == (20, 20, 20)


def test_relay_and_worker_take_up_again_what_the_lock_kept_from_them(
    app: Flask, author: Person, locked: Callable
) -> None:
    with app.app_context(), as_tenant(db.session, author.principal.tenant.id):
        publish_batch(author.principal, [{"type": "order.created", "data": n} for n in range(10)])
    Relay(app).turn()
    with app.app_context():
        jobs = queue(app.extensions["redis"]).get_jobs()
        dispatcher = app.extensions["dispatcher"] = Dispatcher(app, 2)
        with locked():
            for job in jobs:
                job.perform()
            until = time.monotonic() + 0.7  # some turns of the clerk
            while time.monotonic() < until:
                assert {status for status, _, _ in ends(app)} == {"queued"}
                time.sleep(0.05)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and ends(app) != [("succeeded", 1, n) for n in range(10)]:
            time.sleep(0.1)
    finally:
        dispatcher.close(10)
    assert ends(app) == [("succeeded", 1, n) for n in range(10)]


def ends(app: Flask) -> list[tuple[str, int, object]]:
    with app.app_context(), as_system(db.session), reading():
        query = select(Execution.status, Execution.attempt, Execution.output).order_by(Execution.id)
        return [tuple(row) for row in db.session.execute(query)]
