"""What becomes of each slot: it runs once, or the ledger says why not."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError

from models import Execution, Occurrence, OutboxEntry, Schedule, Script, Tenant, db
from models.base import utcnow
from models.tenancy import as_system
from services import executions, firing, schedule_times, schedules, scripts
from services.identity import Principal
from services.schedules import Changes
from tests.conftest import Person

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def author(alice: Person, as_person: Callable[[Person], Principal]) -> Iterator[Principal]:
    yield as_person(alice)
    db.session.rollback()


@pytest.fixture
def script(author: Principal) -> Script:
    return scripts.create(author, scripts.Changes(name="Reconcile payments", source="return 1"))


@pytest.fixture
def hourly(author, script) -> Callable[..., Schedule]:
    """A schedule of every hour in UTC, armed for the slot it is told."""

    def make(armed: datetime = NOON, cron: str = "0 * * * *", zone: str = "UTC", **changes: object) -> Schedule:
        schedule = schedules.create(author, script.id, Changes(cron=cron, timezone=zone, **changes))
        arm(schedule, armed)
        return schedule

    return make


def arm(schedule: Schedule, at: datetime | None) -> None:
    db.session.execute(update(Schedule).where(Schedule.id == schedule.id).values(next_run_at=at))
    db.session.commit()


def kept(schedule: Schedule) -> Schedule:
    """The row as it stands now: the scheduler's session forgot ours."""
    return db.session.scalars(
        select(Schedule).where(Schedule.id == schedule.id).execution_options(populate_existing=True)
    ).one()


def fire(now: datetime) -> int:
    return firing.fire_due(now)


def ledger(schedule: Schedule) -> list[tuple[str, str, str]]:
    rows = db.session.scalars(
        select(Occurrence).where(Occurrence.schedule_id == schedule.id).order_by(Occurrence.due_at)
    )
    return [(f"{row.due_at:%H:%M}", row.outcome, row.reason) for row in rows]


def runs() -> list[Execution]:
    return list(db.session.scalars(select(Execution).order_by(Execution.id)))


def test_a_due_slot_becomes_a_ledger_row_and_a_queued_run_with_its_place_in_the_outbox(author, script, hourly):
    schedule = hourly(input={"a": 1})

    assert fire(NOON + timedelta(seconds=0.3)) == 1
    (run,) = runs()
    assert (run.status, run.trigger, run.type, run.triggered_by, run.trigger_id) == (
        "queued",
        "cron",
        "cron",
        "system",
        schedule.id,
    )
    assert (run.input, run.version_number, run.tenant_id) == ({"a": 1}, script.version, schedule.tenant_id)
    assert db.session.scalars(select(OutboxEntry.execution_id)).all() == [run.id]
    assert ledger(schedule) == [("12:00", "ran", "")]
    assert kept(schedule).next_run_at == NOON + HOUR
    assert kept(schedule).last_run_at is not None
    assert fire(NOON + timedelta(seconds=0.6)) == 0


def test_nothing_fires_before_its_time(hourly):
    hourly()
    assert fire(NOON - timedelta(milliseconds=1)) == 0


def test_it_is_known_how_long_there_is_nothing_to_fire(hourly):
    assert firing.until_next() == float("inf")
    hourly(utcnow() + HOUR)
    soonest = hourly(utcnow() + timedelta(seconds=20))
    assert 15 < firing.until_next() < 20 + firing.SPREAD_S

    arm(soonest, utcnow() - HOUR)
    assert firing.until_next() == firing.AGAIN_S, "what cannot be fired must not keep the scheduler busy"


def test_firing_is_no_change_by_people(hourly):
    schedule = hourly()
    before = schedule.updated_at
    fire(NOON)
    assert kept(schedule).updated_at == before


@pytest.mark.parametrize(
    ("misfire", "rows"),
    [
        ("once", [("12:00", "skipped", "down"), ("13:00", "skipped", "down"), ("14:00", "ran", "")]),
        ("skip", [("12:00", "skipped", "misfire"), ("13:00", "skipped", "misfire"), ("14:00", "skipped", "misfire")]),
    ],
)
def test_after_hours_of_downtime_one_run_or_none_as_the_policy_says(hourly, misfire, rows):
    schedule = hourly(misfire=misfire)
    fire(NOON + timedelta(hours=2, minutes=30))
    assert ledger(schedule) == rows
    assert len(runs()) == (misfire == "once")
    assert kept(schedule).next_run_at == NOON + 3 * HOUR


def test_a_run_that_a_power_cut_ended_does_not_keep_its_successor_away(hourly):
    schedule = hourly()
    fire(NOON)
    lapsed = {"status": "running", "leased_by": "a process of before", "due_at": utcnow() - HOUR}
    db.session.execute(update(Execution).values(lapsed))
    db.session.commit()
    assert fire(NOON + 2 * HOUR) == 0, "whether it goes on is not known yet"
    executions.sweep()
    assert fire(NOON + 2 * HOUR) == 1
    assert ledger(schedule) == [("12:00", "ran", ""), ("13:00", "skipped", "down"), ("14:00", "ran", "")]


def test_no_run_is_said_to_stand_for_missed_slots_where_none_does(hourly):
    schedule = hourly(misfire="once", overlap="skip")
    fire(NOON)
    fire(NOON + 2 * HOUR)
    assert ledger(schedule) == [("12:00", "ran", ""), ("13:00", "skipped", "misfire"), ("14:00", "skipped", "overlap")]


def test_a_slot_that_is_just_late_is_not_missed(hourly):
    schedule = hourly(misfire="skip")
    fire(NOON + timedelta(seconds=59))
    assert ledger(schedule) == [("12:00", "ran", "")]


def test_missed_slots_do_not_keep_the_newest_from_its_time(hourly):
    schedule = hourly(misfire="skip")
    fire(NOON + HOUR + timedelta(seconds=1))
    assert ledger(schedule) == [("12:00", "skipped", "misfire"), ("13:00", "ran", "")]


def test_after_a_very_long_time_the_newest_slots_are_told(hourly, monkeypatch):
    monkeypatch.setattr("services.schedule_times.MOST_MISSED", 10)
    schedule = hourly(cron="* * * * *")
    fire(NOON + timedelta(days=400))
    rows = ledger(schedule)
    assert len(rows) == 10 and rows[-1][1] == "ran"


def test_paused_and_disabled_slots_are_told_and_do_not_run(author, script, hourly):
    schedule = hourly(enabled=False)
    fire(NOON)
    schedules.update(author, schedule.id, Changes(enabled=True))
    scripts.save(author, script.id, scripts.Changes(enabled=False))
    arm(schedule, NOON + HOUR)
    fire(NOON + HOUR)
    assert ledger(schedule) == [("12:00", "skipped", "paused"), ("13:00", "skipped", "disabled")]
    assert runs() == []


def test_a_closed_tenant_runs_nothing(hourly, acme):
    schedule = hourly()
    with as_system(db.session):
        db.session.execute(update(Tenant).where(Tenant.id == acme.id).values(is_active=False))
        db.session.commit()
    fire(NOON)
    assert ledger(schedule) == [("12:00", "skipped", "disabled")]


def test_overlapping_slots_follow_the_policy(hourly):
    skipping, queueing, allowing = (hourly(overlap=overlap) for overlap in ("skip", "queue", "allow"))
    for hours in range(3):
        fire(NOON + hours * HOUR)
    assert ledger(skipping) == [("12:00", "ran", ""), ("13:00", "skipped", "overlap"), ("14:00", "skipped", "overlap")]
    assert ledger(queueing) == [("12:00", "ran", ""), ("13:00", "ran", ""), ("14:00", "skipped", "overlap")]
    assert ledger(allowing) == [("12:00", "ran", ""), ("13:00", "ran", ""), ("14:00", "ran", "")]
    started = [run.trigger_id for run in runs()]
    assert [started.count(schedule.id) for schedule in (skipping, queueing, allowing)] == [1, 1, 3]


def test_the_one_that_waits_starts_when_the_last_run_ends(hourly):
    hourly(overlap="queue")
    fire(NOON)
    fire(NOON + HOUR)
    assert firing.release_waiting() == 0
    db.session.execute(update(Execution).values(status="succeeded"))
    db.session.commit()
    assert firing.release_waiting() == 1
    assert firing.release_waiting() == 0
    first, second = runs()
    assert second.status == "queued" and second.id != first.id
    waiting = db.session.scalars(select(Occurrence).where(Occurrence.due_at == NOON + HOUR)).one()
    assert waiting.execution_id == second.id
    assert db.session.scalar(select(OutboxEntry).where(OutboxEntry.execution_id == second.id))


def test_one_that_waits_is_dropped_when_its_schedule_is_paused(author, hourly):
    schedule = hourly(overlap="queue")
    fire(NOON)
    fire(NOON + HOUR)
    db.session.execute(update(Execution).values(status="succeeded"))
    schedules.update(author, schedule.id, Changes(enabled=False))
    assert firing.release_waiting() == 0
    assert ledger(schedule)[-1] == ("13:00", "skipped", "paused")


def test_a_clock_change_gives_one_run_and_says_so(hourly):
    gap = hourly(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "30 2 * * *", "Europe/Berlin")
    repeat = hourly(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "30 2 * * *", "Europe/Berlin")
    fire(datetime(2026, 3, 29, 1, 0, 1, tzinfo=UTC))
    assert ledger(gap) == [("01:00", "ran", "")]
    arm(gap, None)
    for minutes in range(0, 120, 10):
        fire(datetime(2026, 10, 25, 0, 30, 1, tzinfo=UTC) + timedelta(minutes=minutes))
    assert ledger(repeat) == [("00:30", "ran", ""), ("01:30", "skipped", "clock_change")]
    assert len(runs()) == 2


def test_a_spread_delays_the_run_and_not_the_slot(hourly):
    schedule = hourly(jitter_seconds=600)
    late = NOON + schedule_times.delay(schedule)
    arm(schedule, late)
    assert fire(late - timedelta(milliseconds=1)) == 0
    fire(NOON + timedelta(seconds=600))
    assert ledger(schedule) == [("12:00", "ran", "")]
    assert kept(schedule).next_run_at == late + HOUR


def test_a_slot_that_has_its_row_is_not_run_again_whatever_is_changed(author, hourly):
    schedule, other = hourly(), hourly()
    fire(NOON)
    arm(schedule, NOON)  # as a longer spread would, or a clock that was set back
    fire(NOON + timedelta(seconds=5))
    assert ledger(schedule) == ledger(other) == [("12:00", "ran", "")]
    assert kept(schedule).next_run_at == NOON + HOUR
    assert len(runs()) == 2


def test_one_that_was_taken_by_another_does_not_hold_up_the_batch(hourly, monkeypatch):
    taken, sound = hourly(), hourly()
    found = firing._due

    def somebody_takes_one(now: datetime) -> list[object]:
        rows = found(now)
        db.session.execute(update(Schedule).where(Schedule.id == taken.id).values(next_run_at=NOON + HOUR)
                           .execution_options(synchronize_session=False))  # fmt: skip
        return rows

    monkeypatch.setattr(firing, "_due", somebody_takes_one)
    assert fire(NOON) == 1
    assert (ledger(taken), ledger(sound)) == ([], [("12:00", "ran", "")])


def test_the_last_slot_before_the_end_runs_and_then_it_is_over(hourly):
    schedule = hourly(ends_at="2026-11-23T13:00:00Z")
    fire(NOON)
    assert ledger(schedule) == [("12:00", "ran", "")]
    assert kept(schedule).next_run_at is None
    assert firing.rearm(NOON) == 0


def test_what_should_have_a_next_slot_and_has_none_is_armed_again(hourly):
    schedule = hourly()
    arm(schedule, None)
    assert firing.rearm(NOON) == 1
    assert kept(schedule).next_run_at == NOON + HOUR


def test_however_many_rightly_have_no_next_slot_what_should_have_one_is_armed(hourly, monkeypatch):
    monkeypatch.setattr(firing, "BATCH", 2)
    for _ in range(5):
        over = hourly(cron="0 0 1 1 *", ends_at=NOON + HOUR)
        arm(over, None)
    schedule = hourly()
    arm(schedule, None)
    assert firing.rearm(NOON) == 1
    assert kept(schedule).next_run_at == NOON + HOUR


def test_a_row_nobody_can_read_harms_no_other(hourly):
    broken, sound = hourly(), hourly()
    db.session.execute(update(Schedule).where(Schedule.id == broken.id).values(timezone="Nowhere/Land"))
    db.session.commit()
    fire(NOON)
    assert (ledger(broken), ledger(sound)) == ([], [("12:00", "ran", "")])
    assert firing.rearm(NOON) == 0
    db.session.execute(update(Schedule).where(Schedule.id == broken.id).values(timezone="UTC"))
    db.session.commit()
    assert firing.rearm(NOON) == 1


def test_more_than_one_batch_is_fired_in_one_go(hourly, monkeypatch):
    monkeypatch.setattr(firing, "BATCH", 3)
    for _ in range(7):
        hourly()
    assert fire(NOON) == 7
    assert len(runs()) == 7


def test_a_claim_that_came_too_late_leaves_nothing(hourly, monkeypatch):
    schedule = hourly()
    found = firing._due

    def somebody_is_quicker(now: datetime) -> list[object]:
        rows = found(now)
        db.session.execute(
            update(Schedule).values(next_run_at=NOON + HOUR).execution_options(synchronize_session=False)
        )
        return rows

    monkeypatch.setattr(firing, "_due", somebody_is_quicker)
    assert fire(NOON) == 0
    assert (ledger(schedule), runs()) == ([], [])


def test_a_database_that_goes_away_at_any_statement_costs_nothing(hourly):
    """Each attempt loses the database one statement later, until one gets through: never a half, never twice."""
    schedule = hourly()
    statements, broken = 0, True
    engine = db.engine

    def lose(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == attempt:
            raise OperationalError("the database went away", None, Exception())

    event.listen(engine, "before_cursor_execute", lose)
    try:
        for attempt in range(1, 100):
            statements = 0
            try:
                firing.fire_due(NOON)
            except OperationalError:
                db.session.rollback()
                continue
            broken = statements >= attempt
            if not broken:
                break
    finally:
        event.remove(engine, "before_cursor_execute", lose)
    assert not broken and attempt > 5
    assert ledger(schedule) == [("12:00", "ran", "")]
    assert len(runs()) == 1 and len(db.session.scalars(select(OutboxEntry)).all()) == 1


def test_old_rows_of_the_ledger_go(hourly):
    schedule = hourly()
    for days in (firing.LEDGER_DAYS - 1, firing.LEDGER_DAYS + 1):
        db.session.add(Occurrence(schedule_id=schedule.id, due_at=utcnow() - timedelta(days=days), outcome="ran"))
    db.session.commit()
    firing.prune()
    assert len(ledger(schedule)) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_question_of_the_scheduler_reads_a_whole_table(hourly):
    hourly(overlap="queue")
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    fire(NOON)
    fire(NOON + HOUR)
    db.session.execute(update(Execution).where(Execution.trigger == "cron").values(status="succeeded"))
    db.session.commit()
    firing.release_waiting()
    db.session.execute(update(Schedule).values(next_run_at=None))
    db.session.commit()
    firing.rearm(NOON)
    event.remove(db.engine, "before_cursor_execute", note)
    ours = [
        item
        for item in asked
        if "UPDATE script_executions SET status" not in item[0] and "SET next_run_at=?, updated" not in item[0]
    ]
    plans = {}
    with as_system(db.session), db.engine.connect() as connection:
        for statement, parameters in ours:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            plans[statement] = [step[3] for step in plan]
    scans = [(step, statement) for statement, steps in plans.items() for step in steps
             if step.startswith("SCAN") and " USING " not in step]  # fmt: skip
    assert len(plans) > 8 and scans == []
