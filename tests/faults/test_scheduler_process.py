"""The scheduler as a process of its own: on time, even while Redis is away, and again after it was killed."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from models import Occurrence, OutboxEntry, Schedule, Script, Tenant, db
from models.base import utcnow
from models.ids import uuid7
from models.tenancy import as_system
from settings import Settings
from tests.support.stack import Stack

pytestmark = pytest.mark.slow
NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    environment = {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": NOWHERE,
        "LOG_LEVEL": "ERROR",
    }
    made = Stack(environment, settings.data_dir / "log")
    yield made
    made.stop()


def due_in(tenant: Tenant, seconds: int) -> Schedule:
    """Every minute, and late by as many seconds as are wanted: a spread is the schedule's own, by its id."""
    due = utcnow().replace(microsecond=0) + timedelta(seconds=seconds)
    own = uuid7()
    while own.int % 60 != due.second:
        own = uuid7()
    with as_system(db.session):
        script = db.session.scalar(select(Script).limit(1))
        if script is None:
            script = Script(tenant_id=tenant.id, name="Reconcile", name_key="reconcile", enabled=True)
            db.session.add(script)
            db.session.flush()
        schedule = Schedule(id=own, tenant_id=tenant.id, script_id=script.id, cron="* * * * *", timezone="UTC",
                            jitter_seconds=59, overlap="allow", next_run_at=due)  # fmt: skip
        db.session.add(schedule)
        db.session.commit()
        return schedule


def first_row(schedule: Schedule, seconds: float) -> Occurrence:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with as_system(db.session):
            row = db.session.scalar(
                select(Occurrence).where(Occurrence.schedule_id == schedule.id).order_by(Occurrence.due_at)
            )
            db.session.commit()
            if row:
                return row
        time.sleep(0.1)
    raise AssertionError("the scheduler did not fire")


def lag(row: Occurrence, schedule: Schedule) -> timedelta:
    due: datetime = row.due_at + timedelta(seconds=schedule.id.int % 60)
    return row.created_at - due


def test_it_fires_on_time_without_redis_and_again_after_it_was_killed(app: Flask, acme: Tenant, stack: Stack) -> None:
    with app.app_context():
        stack.start("scheduler")
        first_row(due_in(acme, 1), 60)  # it has started, however long that took
        schedule = due_in(acme, 3)
        row = first_row(schedule, 60)
        assert timedelta() <= lag(row, schedule) < timedelta(seconds=5)  # a second, on a machine that is not busy
        assert (row.outcome, row.reason) == ("ran", "")
        stack.kill("scheduler")
        missed = due_in(acme, 1)
        time.sleep(2)
        stack.start("scheduler")
        assert first_row(missed, 60).outcome == "ran"
        with as_system(db.session):
            waiting = set(db.session.scalars(select(OutboxEntry.execution_id)))
        assert row.execution_id in waiting  # for the relay, until Redis is back
