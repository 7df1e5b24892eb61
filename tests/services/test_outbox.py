"""The relay's side of the database and one whole turn of a worker's clerk, on both databases, with the real engine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from flask import Flask
from redis import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from jobs.relay import AHEAD_PER_TENANT, Relay
from models import Event, Execution, OutboxEntry, db
from models.tenancy import as_system
from services import batch, outbox, performing, process, scripts, subscriptions
from services.batch import Ended
from services.events import publish_batch
from services.identity import Principal
from services.queue import queue
from services.scripts import Changes
from tests.conftest import Person


@pytest.fixture
def enter(app: Flask, as_person: Callable[[Person], Principal]) -> Iterator[Callable[[Person], Principal]]:
    yield as_person
    db.session.rollback()
    process.close(app)


def fill(
    author: Principal, count: int, source: str = "return context.event.data", name: str = "Price new orders"
) -> UUID:
    script = scripts.create(author, Changes(name=name, source=source))
    kind = name.lower().replace(" ", "-")
    subscriptions.create(author, script.id, f"{kind}.*")
    publish_batch(author, [{"type": f"{kind}.created", "data": n} for n in range(count)])
    return script.id


def handed_over(app: Flask) -> list[list[str]]:
    return [run for job in queue(app.extensions["redis"]).get_jobs() for run in job.args[0]]


def test_a_relay_hands_over_a_little_of_each_tenant_in_turns(app: Flask, enter, alice: Person, charlie: Person) -> None:
    fill(enter(alice), AHEAD_PER_TENANT + 30)
    fill(enter(charlie), 1)
    relay = Relay(app)

    assert relay.turn() == AHEAD_PER_TENANT + 1
    tenants = [run[0] for run in handed_over(app)]
    assert str(charlie.principal.tenant.id) in tenants[:2]
    assert relay.turn() == 0, "nobody has begun any of them"


def test_a_crowd_of_one_script_is_passed_by_the_others_of_its_tenant(
    app: Flask, enter, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = enter(alice)
    fill(author, AHEAD_PER_TENANT + 30, name="Takes its time")
    relay = Relay(app)
    assert relay.turn() == AHEAD_PER_TENANT
    quick = [fill(author, 2, name=f"Quick {number}") for number in range(3)]

    assert relay.turn() == 6, "and none of the crowd, of which nobody has begun any"
    assert {run[1] for run in handed_over(app)[AHEAD_PER_TENANT:]} == {str(script_id) for script_id in quick}
    fill(author, 1, name="Next")
    assert relay.turn() == 0, "they are looked for now and then"
    monkeypatch.setattr("jobs.relay.PASS_EVERY_S", 0.0)
    assert relay.turn() == 1
    fill(author, 1, name="After the last")
    monkeypatch.setattr("jobs.relay.MOST_AHEAD", AHEAD_PER_TENANT)
    assert relay.turn() == 0, "what workers hold has an end"


def test_a_relay_looks_less_often_while_workers_have_plenty_to_do(
    app: Flask, enter, alice: Person, charlie: Person
) -> None:
    fill(enter(alice), AHEAD_PER_TENANT + 30)
    relay = Relay(app)
    relay.turn()
    usual = relay.pause()
    relay.turn()

    assert relay.pause() > usual
    fill(enter(charlie), 1)
    relay.turn()
    assert relay.pause() == usual, "somebody else has come"


def test_a_relay_leaves_an_idle_machine_alone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay(app)
    usual = relay.pause()
    with monkeypatch.context() as patch:
        patch.setattr("jobs.relay.IDLE_AFTER_S", -1.0)
        assert relay.pause() > usual
    assert relay.pause() == usual


def test_two_relays_never_hand_over_the_same_run(app: Flask, enter, alice: Person) -> None:
    fill(enter(alice), 30)

    assert Relay(app).turn() + Relay(app).turn() == 30
    runs = [run[2] for run in handed_over(app)]
    assert len(runs) == len(set(runs)) == 30


def test_what_a_dead_relay_had_claimed_is_free_again_later(app: Flask, enter, alice: Person, monkeypatch) -> None:
    author = enter(alice)
    fill(author, 3)
    monkeypatch.setattr(outbox, "CLAIM_S", -1)
    claimed = outbox.claim({author.tenant.id: 10})

    assert len(claimed) == 3
    assert Relay(app).turn() == 3


def test_a_redis_that_is_away_costs_nothing_but_time(app: Flask, enter, alice: Person, monkeypatch) -> None:
    def away(*_: object) -> None:
        raise RedisError("away")

    fill(enter(alice), 3)
    relay = Relay(app)
    with monkeypatch.context() as moment:
        moment.setattr("services.queue.hand_over", away)
        with pytest.raises(RedisError):
            relay.turn()

    assert relay.turn() == 3


def test_a_clerk_claims_builds_and_finishes_many_at_once(app: Flask, enter, alice: Person) -> None:
    author = enter(alice)
    fill(author, 5)
    ids = list(db.session.scalars(select(Execution.id).order_by(Execution.id)))
    db.session.commit()

    begun = batch.turn([], ids).begun
    assert {call.execution_id for call in begun} == set(ids)
    assert batch.turn([], ids).begun == [], "they are taken"
    ended = [Ended(call, performing.ended(call)) for call in begun]
    assert batch.turn(ended, []).told == []

    rows = db.session.execute(
        select(Execution.status, Event.data, Execution.output, Execution.leased_by, Execution.error)
        .join(Event, Event.id == Execution.event_id)
    ).all()  # fmt: skip
    assert len(rows) == 5
    assert all(
        (status, data, held, error) == ("succeeded", output, "", None) for status, data, output, held, error in rows
    )


def test_a_clerk_leaves_ends_that_somebody_is_told_of(app: Flask, enter, alice: Person) -> None:
    author = enter(alice)
    fill(author, 1)
    subscriptions.create(
        author, scripts.create(author, Changes(name="Watcher", source="return 1")).id, "dastgoh.execution.*"
    )
    run_id = db.session.scalar(select(Execution.id))
    db.session.commit()
    [call] = batch.turn([], [run_id]).begun
    [one] = batch.turn([Ended(call, performing.ended(call))], []).told

    assert db.session.scalar(select(Execution.status).where(Execution.id == run_id)) == "running"
    performing.conclude(one.call, dict(one.values))
    event = db.session.scalars(
        select(Event).where(Event.type == "dastgoh.execution.succeeded").options(undefer(Event.data))
    ).one()
    assert (event.matched, event.data["id"], event.cause_id) == (1, str(run_id), run_id)


def test_what_a_stopping_worker_did_not_begin_is_put_back(app: Flask, enter, alice: Person) -> None:
    fill(enter(alice), 4)
    Relay(app).turn()
    runs = db.session.execute(select(Execution.tenant_id, Execution.script_id, Execution.id)).all()
    db.session.commit()
    outbox.put_back([tuple(run) for run in runs])

    with as_system(db.session):
        assert db.session.scalar(select(func.count(OutboxEntry.id))) == 4


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_an_emptied_redis_lost_makes_room_after_a_lease(app: Flask, enter, alice: Person, monkeypatch) -> None:
    fill(enter(alice), AHEAD_PER_TENANT + 30)
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], run_lease_s=0))
    relay = Relay(app)

    assert (relay.turn(), relay.turn()) == (AHEAD_PER_TENANT, 30)
