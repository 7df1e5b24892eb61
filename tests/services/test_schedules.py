"""Schedules as people make and change them: checked, audited, versioned, and armed for their next slot."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select, update

from models import AuditEntry, Execution, Occurrence, OutboxEntry, Schedule, Script, Tenant, db
from models.base import utcnow
from models.tenancy import as_system, as_tenant
from services import firing, occurrences, schedule_times, schedules, scripts, versions
from services.cron.parse import CronError
from services.cron.times import ClockChange
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.identity import Principal
from services.occurrences import Entry
from services.schedules import Changes
from tests.conftest import Person


@pytest.fixture
def author(alice: Person, as_person: Callable[[Person], Principal]) -> Iterator[Principal]:
    yield as_person(alice)
    db.session.rollback()


@pytest.fixture
def script(author: Principal) -> Script:
    return scripts.create(author, scripts.Changes(name="Reconcile payments", source="return 1"))


def test_it_is_made_in_the_tenants_zone_with_stated_defaults(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="30 9 * * 1-5"))

    shown = schedules.shown(schedule)
    assert {name: shown[name] for name in ("cron", "timezone", "enabled", "overlap", "misfire", "input", "starts_at", "ends_at")} == {
        "cron": "30 9 * * 1-5", "timezone": "Asia/Tashkent", "enabled": True, "overlap": "skip", "misfire": "once", "input": None,
        "starts_at": None, "ends_at": None,
    }  # fmt: skip
    local = schedule.next_run_at.astimezone(ZoneInfo("Asia/Tashkent"))
    assert (local.hour, local.minute) == (9, 30) and schedule.next_run_at > utcnow()


def test_every_change_makes_a_version_and_an_audit_entry(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="@daily"))
    schedules.update(author, schedule.id, Changes(cron="@weekly"))
    schedules.update(author, schedule.id, Changes(cron="@weekly"))  # nothing new: no version
    schedules.delete(author, schedule.id)

    told = [
        [kept["cron"] for kept in version.triggers["schedules"]]
        for version in reversed(versions.listed(author, script.id))
    ]
    assert told == [[], ["@daily"], ["@weekly"], []]
    actions = db.session.scalars(
        select(AuditEntry.action)
        .where(AuditEntry.target_type == "schedule")
        .order_by(AuditEntry.created_at, AuditEntry.id)
    )
    assert list(actions) == ["schedule.created", "schedule.updated", "schedule.deleted"]


def test_another_zone_moves_the_next_slot(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="0 12 * * *"))
    schedules.update(author, schedule.id, Changes(timezone="America/New_York"))
    assert schedule.next_run_at.astimezone(ZoneInfo("America/New_York")).hour == 12


def test_it_starts_and_ends_when_told(author, script):
    start = datetime(2999, 1, 1, tzinfo=UTC)
    schedule = schedules.create(author, script.id, Changes(cron="0 0 * * *", timezone="UTC", starts_at=start))
    assert schedule.next_run_at == start  # a slot at the very start counts
    schedules.update(author, schedule.id, Changes(starts_at=None, ends_at="2999-01-01T00:00:00+00:00"))
    assert schedule.next_run_at < start
    schedules.update(author, schedule.id, Changes(ends_at=utcnow() + timedelta(seconds=1), cron="0 0 1 1 *"))
    assert schedule.next_run_at is None


def test_its_spread_is_its_own_and_stays(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="0 * * * *", timezone="UTC", jitter_seconds=3600))
    late = schedule.next_run_at.replace(minute=0, second=0)
    assert timedelta() <= schedule.next_run_at - late <= timedelta(seconds=3600)
    before = schedule.next_run_at
    schedules.update(author, schedule.id, Changes(overlap="allow", enabled=False))
    assert (schedule.next_run_at - before) % timedelta(hours=1) == timedelta()


def test_a_time_of_before_it_was_made_is_none_of_its_own_however_wide_its_spread(author, script, monkeypatch):
    monkeypatch.setattr(schedules, "utcnow", lambda: datetime(2027, 1, 4, 9, 0, 1, tzinfo=UTC))
    monkeypatch.setattr(schedule_times, "delay", lambda schedule: timedelta(minutes=40))
    schedule = schedules.create(author, script.id, Changes(cron="0 9 * * *", timezone="UTC", jitter_seconds=3600))
    assert schedule.next_run_at == datetime(2027, 1, 5, 9, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": 5}, "cron"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": ["UTC"]}, "timezone"),
        ({"overlap": "maybe"}, "overlap"),
        ({"misfire": "all"}, "misfire"),
        ({"enabled": "yes"}, "enabled"),
        ({"jitter_seconds": -1}, "jitter_seconds"),
        ({"jitter_seconds": 3601}, "jitter_seconds"),
        ({"jitter_seconds": True}, "jitter_seconds"),
        ({"starts_at": "2026-01-01T00:00:00"}, "starts_at"),
        ({"ends_at": "soon"}, "ends_at"),
        ({"ends_at": 5}, "ends_at"),
        ({"starts_at": "9999-12-31T00:00:00Z"}, "starts_at"),
        ({"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "ends_at"),
        ({"input": float("nan")}, "input"),
        ({"input": "x" * 300_000}, "input"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(author, script, changes, field):
    with pytest.raises(Invalid) as caught:
        schedules.create(author, script.id, Changes(**{"cron": "@daily", **changes}))
    assert caught.value.field == field
    db.session.rollback()
    assert schedules.listed(author, script.id) == []


def test_an_input_that_the_script_would_refuse_is_refused_at_once(author):
    script = scripts.create(author, scripts.Changes(
        name="With parameters", source="return 1", parameters=[{"name": "day", "type": "string", "required": True}],
    ))  # fmt: skip
    with pytest.raises(Invalid) as caught:
        schedules.create(author, script.id, Changes(cron="@daily"))
    assert caught.value.field == "input"
    assert schedules.create(author, script.id, Changes(cron="@daily", input={"day": "Monday"})).input == {
        "day": "Monday"
    }


def test_a_refused_update_leaves_all_as_it_was(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="@daily"))
    with pytest.raises(CronError):
        schedules.update(author, schedule.id, Changes(timezone="Europe/Berlin", cron="nonsense"))
    db.session.rollback()
    db.session.expire_all()
    assert schedules.get(author, schedule.id).timezone == "Asia/Tashkent"


def test_there_are_only_so_many(author, script, monkeypatch):
    monkeypatch.setattr(schedules, "MOST_PER_SCRIPT", 2)
    for _ in range(2):
        schedules.create(author, script.id, Changes(cron="@daily"))
    with pytest.raises(Conflict):
        schedules.create(author, script.id, Changes(cron="@daily"))


def test_bob_may_look_and_charlie_finds_nothing(author, script, bob, charlie, as_person):
    schedule = schedules.create(author, script.id, Changes(cron="@daily"))
    viewer = as_person(bob)
    assert schedules.get(viewer, schedule.id).cron == "@daily"
    for deed in (
        lambda: schedules.create(viewer, script.id, Changes(cron="@daily")),
        lambda: schedules.update(viewer, schedule.id, Changes(enabled=False)),
        lambda: schedules.delete(viewer, schedule.id),
        lambda: schedules.run_now(viewer, schedule.id),
    ):
        with pytest.raises(Forbidden):
            deed()
    elsewhere = as_person(charlie)
    for deed in (
        lambda: schedules.get(elsewhere, schedule.id),
        lambda: schedules.listed(elsewhere, script.id),
        lambda: schedules.ledger(elsewhere, schedule.id),
        lambda: schedules.update(elsewhere, schedule.id, Changes(enabled=False)),
        lambda: schedules.delete(elsewhere, schedule.id),
        lambda: schedules.run_now(elsewhere, schedule.id),
    ):
        with pytest.raises(NotFound):
            deed()


def test_a_deleted_script_takes_its_schedules_along(author, script):
    schedules.create(author, script.id, Changes(cron="@daily"))
    scripts.delete(author, script.id)
    assert db.session.scalars(select(Schedule)).all() == []


def test_ten_times_are_shown_with_the_clock_changes_between_them():
    after = datetime(2026, 3, 25, tzinfo=UTC)
    found = schedules.preview("30 2 * * *", "Europe/Berlin", after=after)

    assert len(found) == 11
    changes = [at for at, item in enumerate(found) if isinstance(item, ClockChange)]
    assert changes == [4] and found[5].mark == "gap"
    until = schedules.preview("30 2 * * *", "Europe/Berlin", after=after, ends_at=after + timedelta(days=2))
    assert len(until) == 2


@pytest.mark.parametrize("overlap", ["skip", "queue", "allow"])
def test_a_run_by_hand_obeys_the_overlap_policy(author, script, overlap):
    schedule = schedules.create(author, script.id, Changes(cron="@daily", overlap=overlap, input={"a": 1}))
    first = schedules.run_now(author, schedule.id)
    assert (first.trigger, first.trigger_id, first.input) == ("manual", schedule.id, {"a": 1})
    assert db.session.scalar(select(OutboxEntry).where(OutboxEntry.execution_id == first.id))
    if overlap == "allow":
        assert schedules.run_now(author, schedule.id) is not None
        return
    if overlap == "queue":
        assert schedules.run_now(author, schedule.id) is None  # it waits, and only one may
        assert [entry.state for entry in schedules.ledger(author, schedule.id)] == ["waiting"]
    with pytest.raises(Conflict, match="still going"):
        schedules.run_now(author, schedule.id)
    assert len(db.session.scalars(select(Execution)).all()) == 1


@pytest.fixture
def both_at_once(app: Flask, author: Principal, side_by_side: Callable) -> Callable[..., list[str]]:
    """Does a deed twice, in two sessions at once; answers what came of each, sorted."""

    def do(deed: Callable[[], object]) -> list[str]:
        def one() -> str:
            with app.app_context(), as_tenant(db.session, author.tenant.id):
                try:
                    deed()
                    return "done"
                except Conflict:
                    return "refused"

        return sorted(side_by_side(one, one))

    return do


def looked_by_both_first(look: Callable) -> Callable:
    """Each answers only when both have looked, unless one has to wait until the other is through."""
    both_looked = threading.Barrier(2, timeout=1)

    def wait(*given: object) -> object:
        found = look(*given)
        with contextlib.suppress(threading.BrokenBarrierError):
            both_looked.wait()
        return found

    return wait


def test_a_run_by_hand_that_had_to_wait_is_still_of_who_asked(author, script):
    """And starts as promised, though the schedule be paused: that stops what comes by itself."""
    paused = Changes(cron="@daily", overlap="queue", enabled=False, input={"a": 1})
    schedule_id = schedules.create(author, script.id, paused).id
    first = schedules.run_now(author, schedule_id).id
    assert schedules.run_now(author, schedule_id) is None
    db.session.execute(update(Execution).values(status="succeeded"))
    db.session.commit()
    assert firing.release_waiting() == 1
    run = db.session.scalars(select(Execution).where(Execution.id != first)).one()
    assert (run.trigger, run.triggered_by, run.user_id, run.actor_label) == ("manual", "user", author.id, author.email)
    assert (run.type, run.trigger_id, run.input) == ("one_off", schedule_id, {"a": 1})


def test_a_run_by_hand_does_not_start_where_its_tenant_was_closed_meanwhile(author, script, acme):
    schedule_id = schedules.create(author, script.id, Changes(cron="@daily", overlap="queue")).id
    for _ in range(2):
        schedules.run_now(author, schedule_id)
    with as_system(db.session):
        db.session.execute(update(Execution).values(status="succeeded"))
        db.session.execute(update(Tenant).where(Tenant.id == acme.id).values(is_active=False))
        db.session.commit()
    assert firing.release_waiting() == 0
    assert [(entry.state, entry.reason) for entry in schedules.ledger(author, schedule_id)] == [("skipped", "disabled")]


def test_two_runs_by_hand_at_once_are_one(author, script, monkeypatch, both_at_once):
    schedule_id = schedules.create(author, script.id, Changes(cron="@daily", overlap="skip")).id
    monkeypatch.setattr(firing, "busy", looked_by_both_first(firing.busy))
    assert both_at_once(lambda: schedules.run_now(author, schedule_id)) == ["done", "refused"]
    assert len(db.session.scalars(select(Execution)).all()) == 1


def test_two_who_add_the_last_one_at_once_add_one(author, script, monkeypatch, both_at_once):
    script_id = script.id
    monkeypatch.setattr(schedules, "MOST_PER_SCRIPT", 1)
    monkeypatch.setattr(schedules, "listed", looked_by_both_first(schedules.listed))
    assert both_at_once(lambda: schedules.create(author, script_id, Changes(cron="@daily"))) == ["done", "refused"]
    assert len(db.session.scalars(select(Schedule)).all()) == 1


def test_the_ledger_tells_a_refusal_of_the_tenants_limits_as_a_skip(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="@hourly"))
    now = utcnow()
    for hours, status, code in (
        (1, "succeeded", None),
        (2, "refused", "QUOTA_EXCEEDED"),
        (3, "refused", "FEATURE_DISABLED"),
    ):
        run = Execution(script_id=script.id, version_number=1, status=status, trigger="cron", error_code=code)
        db.session.add(run)
        db.session.flush()
        db.session.add(
            Occurrence(schedule_id=schedule.id, due_at=now - timedelta(hours=hours), outcome="ran", execution_id=run.id)
        )
    db.session.add(
        Occurrence(schedule_id=schedule.id, due_at=now - timedelta(hours=4), outcome="skipped", reason="paused")
    )
    db.session.commit()

    told = [(entry.state, entry.reason) for entry in schedules.ledger(author, schedule.id)]
    assert told == [("succeeded", ""), ("skipped", "quota"), ("skipped", "disabled"), ("skipped", "paused")]


def test_a_rhythm_faster_than_a_minute_is_told_apart_from_what_comes_of_it(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="every 20 seconds"))
    rhythm = schedules.rhythm(schedule, [])
    assert (rhythm.configured, rhythm.effective, rhythm.is_stretched) == (
        timedelta(seconds=20),
        timedelta(seconds=60),
        False,
    )


def test_runs_that_take_too_long_stretch_the_rhythm(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="* * * * *"))
    entries = [
        Entry(utcnow(), state, reason)
        for state, reason in [("succeeded", ""), ("skipped", "overlap"), ("skipped", "overlap")] * 5
    ]
    rhythm = schedules.rhythm(schedule, entries)
    assert (rhythm.configured, rhythm.effective) == (timedelta(minutes=1), timedelta(minutes=3))
    assert rhythm.is_stretched
    once = [Entry(utcnow(), "succeeded")] * 20 + entries[1:2]
    assert not schedules.rhythm(schedule, once).is_stretched


def test_a_rhythm_is_told_of_what_is_set_and_not_of_what_was(author, script):
    schedule = schedules.create(author, script.id, Changes(cron="* * * * *"))
    told = [Entry(utcnow(), "succeeded"), Entry(utcnow(), "skipped", "overlap")]
    assert schedules.rhythm(schedule, told).is_stretched
    schedules.update(author, schedule.id, Changes(cron="0 * * * *"))
    assert not schedules.rhythm(schedule, told).is_stretched


@pytest.mark.parametrize("now", [datetime(2027, 1, 4, 12, tzinfo=UTC), datetime(2027, 1, 7, 12, tzinfo=UTC)])
@pytest.mark.parametrize(
    ("cron", "hours"), [("0 9 * * 1-5", 24), ("*/15 9-17 * * *", 0.25), ("45 8-12 * * *", 1), ("0 0 * * *", 24)]
)
def test_nights_and_weekends_are_no_part_of_a_rhythm(author, script, monkeypatch, cron, hours, now):
    monkeypatch.setattr(occurrences, "utcnow", lambda: now)
    schedule = schedules.create(author, script.id, Changes(cron=cron, timezone="UTC"))
    assert schedules.rhythm(schedule, []).configured == timedelta(hours=hours)
