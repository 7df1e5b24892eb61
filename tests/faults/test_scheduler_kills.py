"""Two schedulers at once, killed at random moments, over and over: each slot has one row, and one run."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from models import Execution, Occurrence, OutboxEntry, Schedule, Script, Tenant, db
from models.base import utcnow
from models.tenancy import as_system
from settings import Settings

ROOT = Path(__file__).parents[2]
SLOTS = 1_000
KILLS = 4
SCHEDULER = """
import time
from app import create_app
from services import firing
firing.BATCH = 3  # so that a kill has many moments to fall into
app = create_app()
with app.app_context():
    print("ready", flush=True)
    while True:
        firing.fire_due()
        time.sleep(0.001)
"""


@pytest.fixture
def due_now(app: Flask, acme: Tenant) -> None:
    """A thousand schedules, all due at the same minute of the year."""
    slot = utcnow().replace(second=0, microsecond=0)
    with app.app_context(), as_system(db.session):
        script = Script(tenant_id=acme.id, name="Reconcile", name_key="reconcile", enabled=True)
        db.session.add(script)
        db.session.flush()
        db.session.add_all(
            Schedule(tenant_id=acme.id, script_id=script.id, timezone="UTC", next_run_at=slot, overlap="allow",
                     cron=f"{slot.minute} {slot.hour} {slot.day} {slot.month} *")
            for _ in range(SLOTS)
        )  # fmt: skip
        db.session.commit()


@pytest.fixture
def start_scheduler(settings: Settings, tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    environment = {
        **os.environ, "DATA_DIR": str(tmp_path), "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url,
        "LOG_LEVEL": "ERROR", "PYTHONPATH": str(ROOT),
    }  # fmt: skip

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", SCHEDULER], env=environment, stdout=subprocess.PIPE, text=True)

    return start


def still_due(app: Flask) -> int:
    with app.app_context(), as_system(db.session):
        left = db.session.scalar(select(func.count(Schedule.id)).where(Schedule.next_run_at <= utcnow()))
        db.session.rollback()
        return left


def wait_until_done(app: Flask, seconds: float) -> None:
    until = time.monotonic() + seconds
    while still_due(app) and time.monotonic() < until:
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_schedulers_killed_at_random_run_each_slot_once(app, due_now, start_scheduler):
    chance = random.Random(7)
    for round_ in range(KILLS + 1):
        schedulers = [start_scheduler(), start_scheduler()]
        for scheduler in schedulers:
            assert scheduler.stdout.readline() == "ready\n"
        if round_ < KILLS:
            time.sleep(chance.uniform(0.01, 0.25))
        else:
            wait_until_done(app, 60)
        for scheduler in schedulers:
            scheduler.kill()
            scheduler.wait()
            scheduler.stdout.close()

    assert still_due(app) == 0
    with app.app_context(), as_system(db.session):
        rows = db.session.execute(select(Occurrence.schedule_id, Occurrence.outcome, Occurrence.execution_id)).all()
        run_by = Counter(db.session.scalars(select(Execution.trigger_id)))
        handed_over = set(db.session.scalars(select(OutboxEntry.execution_id)))
    assert len(rows) == len({row.schedule_id for row in rows}) == SLOTS
    assert {row.outcome for row in rows} == {"ran"}
    assert set(run_by.values()) == {1} and len(run_by) == SLOTS
    assert handed_over == {row.execution_id for row in rows}
