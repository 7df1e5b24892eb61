"""A slot that came due, and somebody changes its schedule before a scheduler saw it: it has a row all the same, and one only."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update

from models import Execution, Occurrence, OutboxEntry, Schedule, Script, Tenant, db
from models.tenancy import as_system, as_tenant
from services import audit, firing, schedule_times, schedules, scripts
from services.errors import Invalid
from services.identity import Principal
from services.schedules import Changes

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECONDS_LATER = NOON + timedelta(seconds=5)
HOURS_LATER = NOON + timedelta(hours=2, minutes=30)
HOUR = timedelta(hours=1)


@pytest.fixture
def script(author: Principal) -> Script:
    return scripts.create(author, scripts.Changes(name="Reconcile payments", source="return 1"))


@pytest.fixture
def hourly(author: Principal, script: Script) -> Callable[..., Schedule]:
    """Of every hour, armed for noon."""

    def make(**changes: Any) -> Schedule:
        schedule = schedules.create(author, script.id, Changes(**({"cron": "0 * * * *", "timezone": "UTC"} | changes)))
        db.session.execute(update(Schedule).values(next_run_at=NOON + schedule_times.delay(schedule)))
        db.session.commit()
        return schedule

    return make


@pytest.fixture
def change(author: Principal, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Schedule]:
    def make(schedule: Schedule, now: datetime = SECONDS_LATER, **changes: Any) -> Schedule:
        monkeypatch.setattr(schedules, "utcnow", lambda: now)
        schedules.update(author, schedule.id, Changes(**changes))
        return schedules.get(author, schedule.id)

    return make


def rows(schedule: Schedule) -> list[tuple[str, str]]:
    """When, and why not; what ran or waits has no reason."""
    query = select(Occurrence).where(Occurrence.schedule_id == schedule.id).order_by(Occurrence.due_at)
    return [(f"{row.due_at:%H:%M}", row.reason) for row in db.session.scalars(query)]


def runs() -> list[Execution]:
    return list(db.session.scalars(select(Execution)))


@pytest.mark.parametrize(
    ("changes", "next_run_at"),
    [
        ({"cron": "30 15 * * *"}, NOON.replace(hour=15, minute=30)),
        ({"timezone": "Asia/Kolkata"}, NOON.replace(minute=30)),
        ({"ends_at": NOON + timedelta(days=1)}, NOON + HOUR),
        ({"jitter_seconds": 0, "cron": "0 11 * * *"}, NOON + timedelta(hours=23)),
    ],
    ids=["expression", "zone", "end", "another hour"],
)
def test_what_was_due_runs_as_it_was_before_the_change(hourly, change, changes, next_run_at):
    schedule = change(hourly(input={"a": 1}), **changes, input={"a": 2})

    (run,) = runs()
    assert (run.trigger, run.trigger_id, run.input, run.actor_label) == ("cron", schedule.id, {"a": 1}, "0 * * * *")
    assert db.session.scalars(select(OutboxEntry.execution_id)).all() == [run.id]
    assert db.session.scalars(select(Occurrence.execution_id)).all() == [run.id]
    assert rows(schedule) == [("12:00", "")]
    assert (schedule.next_run_at, schedule.last_run_at) == (next_run_at, SECONDS_LATER)
    assert firing.fire_due(SECONDS_LATER) == 0


def test_who_pauses_it_wants_nothing_to_start_any_more(hourly, change):
    schedule = change(hourly(), enabled=False)
    assert rows(schedule) == [("12:00", "paused")] and runs() == []
    assert schedule.next_run_at == NOON + HOUR and schedule.last_run_at is None


def test_what_was_missed_long_before_the_pause_was_not_missed_because_of_it(hourly, change):
    schedule = change(hourly(cron="0 * * * *"), NOON + 2 * HOUR + timedelta(seconds=20), enabled=False)
    assert rows(schedule) == [("12:00", "misfire"), ("13:00", "misfire"), ("14:00", "paused")] and runs() == []


def test_what_came_due_while_it_was_paused_says_so_when_it_goes_on(hourly, change):
    schedule = change(hourly(enabled=False), HOURS_LATER, enabled=True)
    assert rows(schedule) == [("12:00", "paused"), ("13:00", "paused"), ("14:00", "paused")] and runs() == []
    assert schedule.next_run_at == NOON + 3 * HOUR


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("days", [{"starts_at": NOON + HOUR}, {"ends_at": NOON}], ids=["start", "end"])
def test_what_its_new_days_leave_out_does_not_run(hourly, change, days):
    schedule = change(hourly(), **days)
    assert rows(schedule) == [("12:00", "misfire")] and runs() == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("misfire", "told"),
    [
        ("once", [("12:00", "down"), ("13:00", "down"), ("14:00", "")]),
        ("skip", [("12:00", "misfire"), ("13:00", "misfire"), ("14:00", "misfire")]),
    ],
)
def test_after_hours_without_a_scheduler_the_policy_of_before_decides(hourly, change, misfire, told):
    schedule = change(hourly(misfire=misfire), HOURS_LATER, cron="@daily", misfire="once")
    assert rows(schedule) == told and len(runs()) == (misfire == "once")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_of_a_very_long_time_only_so_much_is_told(hourly, change, monkeypatch):
    monkeypatch.setattr(schedule_times, "MOST_MISSED", 10)
    schedule = change(hourly(cron="* * * * *"), NOON + timedelta(days=400), cron="@daily")
    assert len(rows(schedule)) == 10 and len(runs()) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("overlap", "reason"), [("skip", "overlap"), ("queue", ""), ("allow", "")])
def test_a_run_that_still_goes_on_is_minded(author, hourly, change, overlap, reason):
    schedule = hourly(overlap=overlap)
    going = schedules.run_now(author, schedule.id)
    change(schedule, cron="@daily")

    assert rows(schedule) == [("12:00", reason)]
    started = [run for run in runs() if run.id != going.id]
    assert len(started) == (overlap == "allow")
    assert firing.has_waiting(schedule.id) == (overlap == "queue")


def test_a_disabled_script_is_the_reason_whatever_else_changes(hourly, change, script):
    schedule = hourly()
    db.session.execute(update(Script).where(Script.id == script.id).values(enabled=False))
    db.session.commit()
    assert rows(change(schedule, enabled=False)) == [("12:00", "disabled")]


def test_a_closed_tenant_is_the_reason_too(author, hourly, change):
    schedule = hourly()
    db.session.execute(update(Tenant).where(Tenant.id == author.tenant.id).values(is_active=False))
    db.session.commit()
    assert rows(change(schedule, cron="@daily")) == [("12:00", "disabled")] and runs() == []


@pytest.mark.parametrize("who", ["script", "tenant"])
def test_what_was_due_when_its_script_or_tenant_was_switched_off_says_so(author, hourly, script, who):
    schedule = hourly()
    row = {"script": Script, "tenant": Tenant}[who]
    values = {"enabled": False} if who == "script" else {"is_active": False}
    db.session.execute(update(row).where(row.id.in_([script.id, author.tenant.id])).values(**values))
    db.session.commit()
    firing.fire_due(SECONDS_LATER)
    assert rows(schedule) == [("12:00", "disabled")] and runs() == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_slot_that_waits_for_its_spread_is_not_forgotten(hourly, change, monkeypatch):
    monkeypatch.setattr(schedule_times, "delay", lambda schedule: timedelta(seconds=schedule.jitter_seconds))
    schedule = change(hourly(jitter_seconds=600), jitter_seconds=1200)
    assert rows(schedule) == [("12:00", "")] and len(runs()) == 1
    assert schedule.next_run_at == NOON + HOUR + timedelta(seconds=1200), "its own slot does not come again"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_steers_nothing_leaves_the_slot_to_the_scheduler(hourly, change):
    schedule = change(hourly(), input={"a": 2}, overlap="allow")
    assert rows(schedule) == [] and schedule.next_run_at == NOON
    firing.fire_due(SECONDS_LATER)
    assert rows(schedule) == [("12:00", "")]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_schedule_that_cannot_be_read_can_be_mended(hourly, change):
    schedule = hourly()
    db.session.execute(update(Schedule).values(cron="nonsense"))
    db.session.commit()
    assert change(schedule, cron="@hourly").next_run_at == NOON + HOUR and rows(schedule) == []


@pytest.mark.parametrize("fails", ["refused", "broken"])
def test_a_change_that_is_not_made_leaves_the_slot_due(hourly, change, monkeypatch, fails):
    schedule = hourly()
    if fails == "refused":
        with pytest.raises(Invalid):
            change(schedule, cron="nonsense")
    else:
        monkeypatch.setattr(audit, "record", lambda *_args, **_more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            change(schedule, cron="@daily")
    db.session.rollback()

    assert rows(schedule) == [] and runs() == []
    assert firing.fire_due(SECONDS_LATER) == 1 and rows(schedule) == [("12:00", "")]


def test_a_deleted_schedule_starts_nothing_and_keeps_no_ledger(author, hourly):
    schedule = hourly()
    schedules.delete(author, schedule.id)
    assert firing.fire_due(SECONDS_LATER) == 0
    assert rows(schedule) == [] and runs() == []


# ---- people and schedulers at once


@pytest.fixture
def elsewhere(app: Flask, author: Principal) -> Callable[..., Any]:
    """On a thread of its own, in the author's tenant."""

    def work(deed: Callable[..., object], *given: object) -> None:
        with app.app_context(), as_tenant(db.session, author.tenant.id):
            deed(*given)

    return work


def test_of_a_scheduler_and_a_person_who_come_at_once_one_has_the_slot(author, hourly, elsewhere, monkeypatch):
    many = [hourly(overlap="allow").id for _ in range(12)]
    monkeypatch.setattr(schedules, "utcnow", lambda: SECONDS_LATER)
    monkeypatch.setattr(firing, "BATCH", 2)
    gate = threading.Barrier(3)

    def fire() -> None:
        gate.wait()
        with as_system(db.session):
            while firing.fire_due(SECONDS_LATER):
                pass

    def edit() -> None:
        gate.wait()
        for number, schedule_id in enumerate(reversed(many)):
            schedules.update(author, schedule_id, Changes(cron="@daily") if number % 2 else Changes(enabled=False))

    with ThreadPoolExecutor(3) as hands:
        for done in [hands.submit(elsewhere, deed) for deed in (fire, fire, edit)]:
            done.result(60)

    told = db.session.execute(select(Occurrence.schedule_id, Occurrence.execution_id, Occurrence.reason)).all()
    assert sorted(row.schedule_id for row in told) == sorted(many)
    assert {row.reason for row in told} <= {"", "paused"}
    assert sorted(run.id for run in runs()) == sorted(row.execution_id for row in told if row.execution_id)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("deed", ["change", "delete", "delete the script"])
def test_who_holds_the_script_and_a_scheduler_that_holds_the_schedule_do_not_wait_for_each_other(
    author, hourly, elsewhere, script, monkeypatch, deed
):
    """The scheduler has claimed the slot and is about to write the run, whose row refers to the script."""
    schedule = hourly()
    seen = schedules.mark(schedule)
    db.session.commit()
    claimed, held = threading.Event(), threading.Event()
    write, locked = firing.slot_rows.write, scripts._locked

    def write_later(judged: Any) -> Any:
        claimed.set()
        assert held.wait(10)
        return write(judged)

    def hold(script_id: UUID) -> Script:
        assert claimed.wait(10)
        found = locked(script_id)
        held.set()
        return found

    deeds: dict[str, Callable[[], object]] = {
        "change": lambda: schedules.update(author, schedule.id, Changes(cron="@daily"), seen),
        "delete": lambda: schedules.delete(author, schedule.id),
        "delete the script": lambda: scripts.delete(author, script.id),
    }
    monkeypatch.setattr(scripts, "_locked", hold)
    with ThreadPoolExecutor(2) as hands:
        monkeypatch.setattr(firing.slot_rows, "write", write_later)
        going = [hands.submit(elsewhere, firing.fire_due, SECONDS_LATER), hands.submit(elsewhere, deeds[deed])]
        for done in going:
            done.result(30)
    assert len(runs()) == 1
