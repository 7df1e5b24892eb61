"""The database goes away under a scheduler, at whatever it is doing, and comes back: no slot is lost, and none runs twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from models import Execution, Occurrence, OutboxEntry, Schedule, Script, Tenant, db
from models.base import utcnow
from models.tenancy import as_system
from settings import Settings
from tests.conftest import settings_for
from tests.support.postgres import PostgresServer
from tests.support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
AT_ONCE = 150


@pytest.fixture
def settings(own_postgres: PostgresServer, tmp_path: Path, redis_url: str) -> Settings:
    return settings_for(tmp_path, REDIS_URL=redis_url, DATABASE_URL=own_postgres.url("dastgoh"))


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    environment = {"DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.database_url,
                   "REDIS_URL": settings.redis_url, "LOG_LEVEL": "ERROR"}  # fmt: skip
    made = Stack(environment, settings.data_dir / "log")
    yield made
    made.stop()


def add_due(tenant: Tenant) -> None:
    """So many schedules, all due by now and not again for a year."""
    slot = utcnow().replace(second=0, microsecond=0)
    with as_system(db.session):
        script = db.session.scalar(select(Script).limit(1))
        if script is None:
            script = Script(tenant_id=tenant.id, name="Reconcile", name_key="reconcile", enabled=True)
            db.session.add(script)
            db.session.flush()
        db.session.add_all(
            Schedule(tenant_id=tenant.id, script_id=script.id, timezone="UTC", next_run_at=slot, overlap="allow",
                     cron=f"{slot.minute} {slot.hour} {slot.day} {slot.month} *")
            for _ in range(AT_ONCE)
        )  # fmt: skip
        db.session.commit()


def wait_for_rows(count: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with as_system(db.session):
            found = db.session.scalar(select(func.count(Occurrence.id)))
            db.session.commit()
        if found == count:
            return
        time.sleep(0.1)
    raise AssertionError(f"{found} of {count} slots were told")


@pytest.mark.parametrize("away_s", [1, pytest.param(30, marks=pytest.mark.soak)])
def test_a_scheduler_outlives_its_database_and_takes_up_every_slot(
    app: Flask, acme: Tenant, stack: Stack, own_postgres: PostgresServer, away_s: int
) -> None:
    chance = random.Random(7)
    with app.app_context():
        scheduler = stack.start("scheduler")
        add_due(acme)
        wait_for_rows(AT_ONCE, 60)  # it has started, however long that took
        for round_ in (2, 3):
            add_due(acme)
            time.sleep(chance.uniform(0, 1.3))  # it looks once a second
            db.engine.dispose()
            own_postgres.crash()
            time.sleep(away_s)
            own_postgres.revive()
            wait_for_rows(round_ * AT_ONCE, 30)
        assert scheduler.poll() is None
        with as_system(db.session):
            rows = db.session.execute(select(Occurrence.outcome, Occurrence.execution_id)).all()
            runs_of = Counter(db.session.scalars(select(Execution.trigger_id)))
            handed_over = set(db.session.scalars(select(OutboxEntry.execution_id)))
    assert {row.outcome for row in rows} == {"ran"}
    assert set(runs_of.values()) == {1} and len(runs_of) == len(rows)
    assert handed_over <= {row.execution_id for row in rows}  # the relay has taken the others
