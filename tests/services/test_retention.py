"""What time takes away: runs, and what else a tenant keeps for so many days."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from models import AuditEntry, DeadLetter, Event, Execution, OutboxEntry, Script, Tenant, db
from models.base import utcnow
from models.schedule import Occurrence, Schedule
from models.tenancy import as_system, as_tenant
from services import (
    audit,
    causation,
    dead_letters,
    executions,
    occurrences,
    retention,
    scripts,
    sweeping,
    tenants,
    versions,
)
from services.errors import Forbidden, Invalid, NotFound
from services.identity import Principal
from services.scripts import Changes
from tests.conftest import Person


@pytest.fixture
def author(alice: Person, as_person: Callable[[Person], Principal]) -> Principal:
    return as_person(alice)


@pytest.fixture
def script(author: Principal) -> Script:
    return scripts.create(author, Changes(name="Close the day", source="return 1"))


def run(script: Script, days: int, status: str = "succeeded", **more: object) -> Execution:
    """One that began so many days ago."""
    values = {"version_number": script.version, "trigger": "manual", **more}
    kept = Execution(script_id=script.id, status=status, created_at=utcnow() - timedelta(days=days), **values)
    db.session.add(kept)
    db.session.commit()
    return kept


def left() -> set[UUID]:
    with as_system(db.session):
        return set(db.session.scalars(select(Execution.id)))


def test_old_runs_go_and_young_ones_those_that_go_on_and_those_of_others_stay(
    author: Principal, script: Script, globex: Tenant
) -> None:
    with as_tenant(db.session, globex.id):
        theirs = Script(name="Theirs", name_key="theirs", source="return 1")
        db.session.add(theirs)
        db.session.flush()
        globex_run = run(theirs, 100).id
    with as_system(db.session):
        db.session.get_one(Tenant, globex.id).retention = {"runs": 120}
        db.session.commit()
    for status in ("succeeded", "failed", "timed_out", "cancelled", "refused"):
        run(script, 91, status)
    kept = {run(script, 89).id, run(script, 91, "queued").id, run(script, 91, "running").id}

    sweeping.prune()

    assert left() == {globex_run, *kept}


def test_a_tenant_that_keeps_them_for_a_week_loses_them_after_a_week(author: Principal, script: Script) -> None:
    tenants.keep(author, {"runs": 7})
    run(script, 8)
    young = run(script, 6)

    sweeping.prune()

    assert left() == {young.id}


def test_many_go_in_portions(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for days in (91, 92, 93, 94, 95):
        run(script, days)

    sweeping.prune()

    assert left() == set()


def test_a_dead_letter_outlives_its_run(author: Principal, script: Script) -> None:
    old = run(script, 91, "failed")
    letter = DeadLetter(script_id=script.id, execution_id=old.id, version_number=1, error_message="no such order")
    db.session.add_all([letter, OutboxEntry(execution_id=old.id)])
    db.session.commit()

    sweeping.prune()
    db.session.expire_all()

    kept = dead_letters.get(author, letter.id)
    assert (kept.execution_id, kept.error_message) == (None, "no such order")
    assert db.session.scalars(select(OutboxEntry)).all() == []


def test_what_a_run_led_to_stays_without_its_beginning(author: Principal, script: Script) -> None:
    old = run(script, 91)
    event = Event(type="day.closed", cause_id=old.id)
    db.session.add(event)
    called, again = run(script, 1, parent_id=old.id), run(script, 1, replay_of=old.id)

    sweeping.prune()
    db.session.expire_all()

    assert [causation.of(author, row).first.row.id for row in (event, called, again)] == [event.id, called.id, again.id]
    with pytest.raises(NotFound):
        executions.get(author, old.id)


def test_a_schedule_still_knows_that_it_ran_but_leads_to_no_run(script: Script) -> None:
    schedule = Schedule(script_id=script.id, cron="0 9 * * *")
    db.session.add(schedule)
    db.session.flush()
    for old in (run(script, 91), run(script, 1)):
        db.session.add(Occurrence(schedule_id=schedule.id, due_at=old.created_at, outcome="ran", execution_id=old.id))
    db.session.commit()

    sweeping.prune()

    entries = occurrences.entries(schedule.id, 10)
    assert [(entry.state, entry.execution_id is None) for entry in entries] == [("succeeded", False), ("ran", True)]


def test_a_version_goes_once_nothing_it_ran_is_kept(author: Principal, script: Script) -> None:
    run(script, 91)
    scripts.save(author, script.id, Changes(retention={"max_versions": 1}))
    scripts.save(author, script.id, Changes(source="return 2"))
    assert [version.number for version in versions.listed(author, script.id)] == [2, 1]

    sweeping.prune()
    scripts.save(author, script.id, Changes(source="return 3"))

    assert [version.number for version in versions.listed(author, script.id)] == [3]


@pytest.fixture
def entries(author: Principal, globex: Tenant) -> Callable[[], list[str]]:
    """Audit entries that are called by whose they are and how old."""
    with as_system(db.session):
        for name, tenant_id in {"acme": author.tenant.id, "globex": globex.id, "nobody": None}.items():
            for days in (32, 364, 366):
                db.session.add(AuditEntry(
                    tenant_id=tenant_id, action=f"{name}.{days}", created_at=utcnow() - timedelta(days=days)
                ))  # fmt: skip
        db.session.commit()

    def names() -> list[str]:
        with as_system(db.session):
            return sorted(name for name in db.session.scalars(select(AuditEntry.action)) if name[-1].isdigit())

    return names


def test_audit_entries_go_by_each_tenants_retention(author: Principal, entries: Callable[[], list[str]]) -> None:
    tenants.keep(author, {"audit": retention.BOUNDS["audit"][0]})

    audit.prune()

    assert entries() == ["globex.32", "globex.364", "nobody.32", "nobody.364"]


def test_what_was_chosen_is_written_down_and_taken_back(author: Principal) -> None:
    tenants.keep(author, {"runs": 7, "audit": 400})
    tenants.keep(author, {"runs": None})

    assert tenants.keeps(author) == {"audit": 400}
    deeds = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "tenant.updated").order_by(AuditEntry.created_at)
    )
    assert [(deed.before, deed.after) for deed in deeds] == [
        ({"retention": {}}, {"retention": {"runs": 7, "audit": 400}}),
        ({"retention": {"runs": 7, "audit": 400}}, {"retention": {"audit": 400}}),
    ]


@pytest.mark.parametrize(("kind", "days"), [("runs", 0), ("events", 3_651), ("dead_letters", -1), ("audit", 30)])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_days_out_of_bounds_are_refused(author: Principal, kind: str, days: int) -> None:
    with pytest.raises(Invalid):
        tenants.keep(author, {kind: days})

    assert tenants.keeps(author) == {}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_only_reads_does_not_choose(bob: Person, as_person: Callable[[Person], Principal]) -> None:
    with pytest.raises(Forbidden):
        tenants.keep(as_person(bob), {"runs": 1})
