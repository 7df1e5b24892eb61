"""Clocks that disagree, jump or stand still: nobody's run is called lost for that, and nobody's is forgotten."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError

from models import Execution, clock, db
from models.base import utcnow
from models.tenancy import as_system
from services import claims, process, scripts, subscriptions, sweeping
from services.events import publish
from services.identity import Principal
from services.scripts import Changes
from services.sweeping import Clock
from tests.conftest import Person

HOUR = timedelta(hours=1)


@pytest.fixture
def wrong_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets this machine's clock, as far as the product can see."""

    def set_clock(error: timedelta) -> None:
        monkeypatch.setattr(clock, "_local", lambda: datetime.now(UTC) + error)
        monkeypatch.setattr(clock, "_agreed_at", float("-inf"))
        db.session.rollback()  # so that the database is asked anew

    monkeypatch.setattr(clock, "_correction", timedelta(0))
    monkeypatch.setattr(sweeping, "_clock", Clock())
    return set_clock


@pytest.fixture
def run_id(app: Flask, alice: Person, as_person: Callable[[Person], Principal]) -> Iterator[object]:
    """A delivery that a worker has just begun."""
    author = as_person(alice)
    script = scripts.create(author, Changes(name="Price new orders", source="return 1"))
    subscriptions.create(author, script.id, "order.created")
    publish(author, "order.created")
    run_id = db.session.scalars(select(Execution.id)).one()
    db.session.commit()
    claims.claim(run_id, 60)
    yield run_id
    db.session.rollback()
    process.close(app)


def state(run_id: object) -> tuple[str, int]:
    with as_system(db.session):
        found = db.session.execute(select(Execution.status, Execution.attempt).where(Execution.id == run_id)).one()
        db.session.commit()
        return tuple(found)


@pytest.mark.parametrize("database", ["postgresql"])
@pytest.mark.parametrize("error", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_machines_that_share_a_database_go_by_its_clock(
    run_id: object, wrong_by: Callable[[timedelta], None], error: timedelta
) -> None:
    wrong_by(error)
    sweeping.sweep()

    assert state(run_id) == ("running", 1)
    assert abs(utcnow() - datetime.now(UTC)) < timedelta(seconds=2)
    claims.renew([run_id], 60)
    with as_system(db.session):
        due_at = db.session.scalars(select(Execution.due_at)).one()
    assert abs(due_at - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=5)


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_connection_that_broke_is_told_by_the_statement_and_not_by_the_clock(
    session: object, wrong_by: Callable[[timedelta], None]
) -> None:
    """It broke after the pool had looked at it."""
    with as_system(db.session):
        wrong_by(HOUR)
        event.listen(db.engine, "checkout", lambda connection, *_: connection.close(), once=True)
        with pytest.raises(OperationalError):
            db.session.scalar(select(1))
        db.session.rollback()
        assert db.session.scalar(select(1)) == 1


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_clock_that_is_set_ahead_makes_nobody_lost_who_renews(
    run_id: object, wrong_by: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeping.sweep()
    wrong_by(HOUR)
    sweeping.sweep()
    assert state(run_id) == ("running", 1)

    claims.renew([run_id], 60)  # as its holder does every quarter of a lease
    monkeypatch.setattr(sweeping._clock, "_mistrusted_until", 0.0)
    sweeping.sweep()
    assert state(run_id) == ("running", 1)


@pytest.mark.parametrize("database", ["sqlite"])
def test_whoever_does_not_renew_is_found_after_the_jump(
    run_id: object, wrong_by: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeping.sweep()
    wrong_by(HOUR)
    sweeping.sweep()
    monkeypatch.setattr(sweeping._clock, "_mistrusted_until", 0.0)
    sweeping.sweep()

    assert state(run_id) == ("queued", 2)


def test_small_differences_are_no_jump(wrong_by: Callable[[timedelta], None], session: object) -> None:
    watch = Clock()
    for error in (0.0, 0.5, -0.5, 1.0):
        wrong_by(timedelta(seconds=error))
        assert watch.is_trusted(60)
    wrong_by(timedelta(minutes=-5))
    assert not watch.is_trusted(60)
    assert watch._mistrusted_until <= time.monotonic() + 30


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_holder_that_slept_past_its_lease_is_told_to_stop(
    run_id: object, wrong_by: Callable[[timedelta], None]
) -> None:
    assert claims.renew([run_id], 60) == set()
    with as_system(db.session):
        db.session.execute(update(Execution).values(due_at=utcnow() - timedelta(seconds=1)))
        db.session.commit()
    sweeping.sweep()

    assert state(run_id) == ("queued", 2)
    assert claims.renew([run_id], 60) == {run_id}
