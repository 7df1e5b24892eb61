"""What becomes of deliveries that fail: attempts, dead letters, replays. Through the real engine, on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import undefer

from models import DeadLetter, Event, Execution, OutboxEntry, Script, db
from models.base import utcnow
from models.tenancy import as_system, as_tenant
from services import dead_letters, event_log, executions, replays, scripts, subscriptions, sweeping
from services.dead_letters import Filters
from services.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited
from services.events import publish
from services.identity import Principal
from services.replays import Outlook
from services.scripts import Changes
from tests.conftest import Person


def subscribed(author: Principal, source: str, **more: object) -> Script:
    script = scripts.create(author, Changes(name="Price new orders", source=source, **more))
    subscriptions.create(author, script.id, "order.created")
    return script


def run_of(answer) -> Execution:
    query = select(Execution).where(Execution.event_id == answer.event_id).order_by(Execution.id.desc()).limit(1)
    return db.session.scalars(query.options(undefer(Execution.attempts), undefer(Execution.output))
                              .execution_options(populate_existing=True)).one()  # fmt: skip


def perform(run: Execution) -> None:
    db.session.commit()
    executions.perform(run.id)


def letters() -> list[DeadLetter]:
    query = (
        select(DeadLetter).order_by(DeadLetter.id).options(undefer(DeadLetter.event_data), undefer(DeadLetter.error))
    )
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def fail_for_good(author: Principal, data: object = None) -> DeadLetter:
    perform(run_of(publish(author, "order.created", data)))
    return letters()[-1]


def test_a_delivery_runs_with_its_event(author: Principal) -> None:
    subscribed(author, "return [context.event.type, context.event.data.total, context.execution.type]")
    answer = publish(author, "order.created", {"total": 7})
    perform(run_of(answer))

    assert (run_of(answer).status, run_of(answer).output) == ("succeeded", ["order.created", 7, "event"])
    assert letters() == []


def test_a_script_publishes_and_the_chain_is_stopped_at_its_fourth_event(author: Principal) -> None:
    script = scripts.create(
        author, Changes(name="Echo", source="return await sdk.events.publish('echo', { n: context.event.data.n + 1 })")
    )
    subscriptions.create(author, script.id, "echo", allow_self=True)
    publish(author, "echo", {"n": 0})
    for _ in range(4):
        run_id = db.session.scalars(select(Execution.id).where(Execution.status == "queued")).one()
        db.session.commit()
        executions.perform(run_id)

    found = db.session.execute(
        select(Event.data, Event.chain_depth, Event.matched).where(Event.type == "echo").order_by(Event.id)
    ).all()
    assert found == [({"n": depth}, depth, 1 if depth < 4 else 0) for depth in range(5)]
    ends = db.session.execute(select(Execution.status, Execution.error_code).order_by(Execution.id)).all()
    assert ends == [("succeeded", None)] * 3 + [("failed", "LOOP_GUARD")]
    assert [letter.error_code for letter in letters()] == ["LOOP_GUARD"]


def test_a_failed_attempt_is_listed_and_the_next_one_is_due_later(author: Principal) -> None:
    subscribed(author, "throw new Error('no client ' + context.execution.attempt)", limits={"retries": 2})
    answer, before = publish(author, "order.created"), utcnow()
    perform(run_of(answer))

    run = run_of(answer)
    assert (run.status, run.attempt, run.error_code, run.finished_at) == ("queued", 2, None, None)
    assert before + timedelta(seconds=2) <= run.due_at < utcnow() + timedelta(seconds=2.3)
    assert [(one["attempt"], one["error"]["message"]) for one in run.attempts] == [(1, "no client 1")]

    perform(run)
    perform(run_of(answer))

    run = run_of(answer)
    assert (run.status, run.attempt, run.error_message) == ("failed", 3, "no client 3")
    assert [one["attempt"] for one in run.attempts] == [1, 2]
    [letter] = letters()
    assert (letter.attempts, letter.error_code, letter.execution_id, letter.event_type) == (
        3,
        "RUNTIME_ERROR",
        run.id,
        "order.created",
    )
    assert "Price new orders.js:1" in letter.error["stack"].replace("_", " ")


def test_what_can_never_succeed_is_buried_at_once(author: Principal) -> None:
    subscribed(author, "throw new sdk.Fatal('the order was deleted')")

    letter = fail_for_good(author, {"total": 9})

    assert (letter.attempts, letter.error_message, letter.event_data) == (1, "the order was deleted", {"total": 9})


def test_a_script_says_when_to_try_again(author: Principal) -> None:
    subscribed(author, "throw new sdk.RetryAfter(60, 'closed')")
    answer = publish(author, "order.created")
    perform(run_of(answer))

    assert run_of(answer).due_at > utcnow() + timedelta(seconds=55)


def test_data_that_does_not_fit_the_form_is_buried(author: Principal) -> None:
    script = subscribed(author, "return 1", parameters=[{"name": "total", "type": "number", "required": True}])
    letter = fail_for_good(author, {"total": "many"})

    assert (letter.error_code, letter.script_id) == ("INVALID_INPUT", script.id)


def test_a_lost_attempt_is_tried_again_and_at_last_buried(author: Principal) -> None:
    subscribed(author, "return 1", limits={"retries": 0})
    answer = publish(author, "order.created")
    for _ in range(6):
        with as_system(db.session):
            db.session.execute(
                update(Execution).values(status="running", leased_by="gone", due_at=utcnow() - timedelta(seconds=1))
            )
            db.session.commit()
        sweeping.sweep()

    run = run_of(answer)
    assert (run.status, run.error_code, run.attempt) == ("failed", "LOST", 6)
    assert [one["error"]["code"] for one in run.attempts] == ["LOST"] * 5
    assert [letter.error_code for letter in letters()] == ["LOST"]


def test_a_due_retry_is_handed_over_again(author: Principal) -> None:
    subscribed(author, "throw new Error('x')")
    answer = publish(author, "order.created")
    with as_system(db.session):
        db.session.query(OutboxEntry).delete()
        db.session.commit()
    perform(run_of(answer))
    sweeping.sweep()
    assert db.session.scalars(select(OutboxEntry.execution_id)).all() == []

    with as_system(db.session):
        db.session.execute(update(Execution).values(due_at=utcnow()))
        db.session.commit()
    sweeping.sweep()

    assert db.session.scalars(select(OutboxEntry.execution_id)).all() == [run_of(answer).id]


def test_a_dead_letter_is_told_to_whoever_listens(author: Principal) -> None:
    subscribed(author, "throw new sdk.Fatal('x')")
    watcher = scripts.create(author, Changes(name="Watcher", source="return context.event.data.error.message"))
    subscriptions.create(author, watcher.id, "dastgoh.execution.dead")
    letter = fail_for_good(author)

    event = db.session.scalars(
        select(Event).where(Event.type == "dastgoh.execution.dead").options(undefer(Event.data))
    ).one()
    assert (
        event.data["dead_letter_id"] == str(letter.id) and event.matched == 1 and event.cause_id == letter.execution_id
    )
    assert event.chain_depth == 1


def test_runs_by_hand_are_not_retried(author: Principal) -> None:
    script = subscribed(author, "throw new Error('x')")
    run = executions.wait_for(author, executions.start(author, script.id).id, 15)

    assert run.status == "failed" and letters() == []


def test_a_replay_runs_the_event_again_on_the_version_asked_for(author: Principal) -> None:
    script = subscribed(author, "throw new sdk.Fatal('version one')")
    old, new = fail_for_good(author, {"n": 1}), fail_for_good(author, {"n": 2})
    scripts.save(author, script.id, Changes(source="return context.event.data.n"))

    pinned = replays.replay(author, old.id)
    current = replays.replay(author, new.id, "current")
    assert (pinned.trigger, pinned.type, pinned.version_number) == ("replay", "event", old.version_number)
    perform(pinned)
    perform(current)

    outcomes = db.session.execute(
        select(Execution.status, Execution.output).where(Execution.trigger == "replay").order_by(Execution.id)
    )
    assert outcomes.all() == [("failed", None), ("succeeded", 2)]
    assert [(one.resolution, one.resolved_at is not None) for one in letters()] == [("replayed", True)] * 2 + [
        ("", False)
    ]
    assert len(db.session.scalars(select(OutboxEntry.id)).all()) == 4


def test_the_version_that_is_replayed_decides_whether_data_is_its_input(author: Principal) -> None:
    number = {"name": "n", "type": "number", "required": True}
    script = subscribed(
        author, "if (context.input.n < 7) throw new sdk.Fatal('few'); return context.input", parameters=[number]
    )
    failed = [fail_for_good(author, {"n": 5}).id for _ in range(2)]
    scripts.save(author, script.id, Changes(parameters=[], source="return context.input"))

    for letter_id, version, output in zip(failed, ("pinned", "current"), ({"n": 7}, None), strict=True):
        run = replays.replay_edited(author, letter_id, {"n": 7}, version)
        perform(run)
        kept = db.session.get_one(Execution, run.id, options=[undefer(Execution.output)], populate_existing=True)
        assert (kept.status, kept.output) == ("succeeded", output)


def test_a_corrected_payload_reaches_only_the_script_that_failed(author: Principal) -> None:
    script = subscribed(
        author, "if (!context.event.data.total) throw new sdk.Fatal('no total'); return context.event.data.total"
    )
    other = scripts.create(author, Changes(name="Another", source="return 1"))
    letter = fail_for_good(author, {})
    subscriptions.create(author, other.id, "order.*")

    perform(replays.replay_edited(author, letter.id, {"total": 5}))

    runs = db.session.execute(select(Execution.script_id, Execution.output).where(Execution.trigger == "replay")).all()
    assert runs == [(script.id, 5)]
    with pytest.raises(Invalid):
        replays.replay_edited(author, letter.id, float("nan"))


def test_many_are_replayed_by_group_after_counting(author: Principal) -> None:
    subscribed(author, "throw new sdk.Fatal(context.event.data.why)")
    for why in ("a", "a", "b"):
        fail_for_good(author, {"why": why})
    [group] = dead_letters.groups(author, Filters())
    assert (group.count, group.code, group.script_name) == (3, "RUNTIME_ERROR", "Price new orders")
    wanted = Filters(script_id=group.script_id, code=group.code, frame=group.frame)

    assert replays.outlook(author, wanted) == Outlook(open=3, scripts=1, replayable=3)
    assert replays.outlook(author, Filters(code="TIMEOUT")) == Outlook(0, 0, 0)
    assert replays.replay_many(author, wanted) == 3
    assert replays.outlook(author, wanted).open == 0
    assert dead_letters.groups(author, Filters()) == []


def test_many_are_replayed_by_time_and_those_of_deleted_scripts_stay(author: Principal) -> None:
    script = subscribed(author, "throw new sdk.Fatal('x')")
    old, new = fail_for_good(author), fail_for_good(author)
    db.session.execute(update(DeadLetter).where(DeadLetter.id == old.id).values(failed_at=utcnow() - timedelta(days=3)))
    db.session.commit()
    recent = Filters(since=utcnow() - timedelta(days=1))
    gone = scripts.create(author, Changes(name="Deleted soon", source="throw new sdk.Fatal('y')"))
    subscriptions.create(author, gone.id, "client.created")
    perform(run_of(publish(author, "client.created")))
    scripts.delete(author, gone.id)

    assert replays.outlook(author, recent) == Outlook(open=2, scripts=2, replayable=1)
    assert replays.outlook(author, recent).replayed == 1
    assert replays.replay_many(author, recent, "current") == 1
    assert {one.id: one.resolution for one in letters() if one.script_id == script.id} == {
        old.id: "",
        new.id: "replayed",
    }
    assert replays.replay_many(author, Filters(until=utcnow() - timedelta(days=1))) == 1
    assert [one.script_id for one in letters() if not one.resolved_at] == [gone.id]


def test_two_who_replay_at_once_deliver_once(app: Flask, author: Principal, side_by_side: Callable) -> None:
    subscribed(author, "throw new sdk.Fatal('x')")
    ours = [fail_for_good(author).id for _ in range(3)]
    db.session.commit()

    def one() -> str:
        with app.app_context(), as_tenant(db.session, author.tenant.id):
            try:
                return str(replays.replay(author, ours[0]).id)
            except Conflict:
                return "told"

    def many() -> int:
        with app.app_context(), as_tenant(db.session, author.tenant.id):
            return replays.replay_many(author, Filters())

    alone = side_by_side(one, one)
    together = side_by_side(many, many)

    assert sorted(alone).count("told") == 1 and sum(together) == 2
    replayed = db.session.scalars(select(Execution.replay_of).where(Execution.trigger == "replay")).all()
    assert len(replayed) == len(set(replayed)) == 3


def test_what_is_settled_is_neither_replayed_nor_corrected(author: Principal) -> None:
    subscribed(author, "throw new sdk.Fatal('x')")
    letter = fail_for_good(author)
    replays.replay(author, letter.id)

    for deed in (lambda: replays.replay(author, letter.id), lambda: replays.replay_edited(author, letter.id, {})):
        with pytest.raises(Conflict):
            deed()
        db.session.rollback()
    assert db.session.scalar(select(func.count(Execution.id)).where(Execution.trigger == "replay")) == 1


def test_replaying_has_a_brake(author: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    def replay(times: int) -> None:
        for _ in range(times):
            replays.replay_many(author, Filters())

    monkeypatch.setattr(replays, "MANY_PER_MINUTE", 2)
    replay(2)
    with pytest.raises(RateLimited):
        replay(3)  # a minute may end between two of them


def test_a_script_deleted_while_it_runs_is_not_tried_again(author: Principal) -> None:
    script = subscribed(author, "throw new Error('x')")
    answer = publish(author, "order.created")
    db.session.execute(
        update(Execution).values(status="running", leased_by="gone", due_at=utcnow() - timedelta(seconds=1))
    )
    db.session.commit()
    scripts.delete(author, script.id)
    sweeping.sweep()

    assert (run_of(answer).status, run_of(answer).error_code) == ("failed", "LOST")
    assert [letter.error_code for letter in letters()] == ["LOST"]


def test_a_subscription_changed_while_deliveries_wait_counts_from_the_next_event_on(author: Principal) -> None:
    script = subscribed(author, "return context.script.version")
    [row] = subscriptions.listed(author, script.id)
    waiting = [publish(author, "order.created") for _ in range(3)]
    pinned = run_of(waiting[0]).version_number
    subscriptions.update(author, row.id, {"filter": {"path": "data.total", "op": "gt", "value": 5}})
    subscriptions.delete(author, row.id)
    scripts.save(author, script.id, Changes(source="return 'changed'"))

    for answer in waiting:
        perform(run_of(answer))
        assert (run_of(answer).status, run_of(answer).output) == ("succeeded", pinned)
    assert publish(author, "order.created", {"total": 9}).matched == 0


def test_a_script_is_tried_on_an_event_that_happened(author: Principal) -> None:
    script = scripts.create(
        author, Changes(name="New one", source="return [context.event.data.total, context.execution.type]")
    )
    event = publish(author, "order.created", {"total": 7})
    run = executions.wait_for(author, executions.start(author, script.id, event_id=event.event_id).id, 30)

    assert (run.trigger, run.output) == ("manual", [7, "event"])
    unsaved = executions.start(author, script.id, event_id=event.event_id, source="throw new Error(context.event.type)")
    failed = executions.wait_for(author, unsaved.id, 30)
    assert (failed.status, failed.error_message, failed.attempt) == ("failed", "order.created", 1)
    assert letters() == []
    with pytest.raises(NotFound):
        executions.start(author, script.id, event_id=script.id)


def test_a_chain_continued_by_hand_is_stopped_all_the_same(author: Principal) -> None:
    script = scripts.create(author, Changes(name="Echo", source="return await sdk.events.publish('echo', 1)"))
    event = publish(author, "echo")
    db.session.execute(update(Event).where(Event.id == event.event_id).values(chain_depth=3))
    db.session.commit()
    run = executions.wait_for(author, executions.start(author, script.id, event_id=event.event_id).id, 30)
    again = executions.wait_for(author, executions.replay(author, run.id).id, 30)

    assert [one.error["code"] for one in (run, again)] == ["LOOP_GUARD"] * 2


def test_settling_takes_a_note_and_happens_once(author: Principal) -> None:
    subscribed(author, "throw new sdk.Fatal('x')")
    first, second, third = (fail_for_good(author) for _ in range(3))

    dead_letters.resolve(author, first.id, "  paid   by hand ")
    with pytest.raises(Conflict):
        dead_letters.resolve(author, first.id)
    assert dead_letters.resolve_many(author, Filters(), "all old") == 2
    assert [(one.resolution, one.note) for one in letters()] == [
        ("resolved", "paid by hand"),
        *[("resolved", "all old")] * 2,
    ]
    assert dead_letters.count_open(author) == 0
    assert [one.id for one in dead_letters.page(author, Filters(state="resolved")).rows] == [
        third.id,
        second.id,
        first.id,
    ]


def test_a_deleted_scripts_letters_stay_readable_and_are_not_replayed(author: Principal) -> None:
    script = subscribed(author, "throw new sdk.Fatal('x')")
    letter = fail_for_good(author)
    scripts.delete(author, script.id)

    assert dead_letters.get(author, letter.id).error_message == "x"
    with pytest.raises(Conflict):
        replays.replay(author, letter.id)


def test_old_letters_go_by_the_tenants_retention(author: Principal) -> None:
    subscribed(author, "throw new sdk.Fatal('x')")
    old, new = fail_for_good(author), fail_for_good(author)
    with as_system(db.session):
        db.session.execute(
            update(DeadLetter).where(DeadLetter.id == old.id).values(failed_at=utcnow() - timedelta(days=31))
        )
        db.session.commit()
    dead_letters.prune()

    assert [one.id for one in letters()] == [new.id]


def test_old_events_go_and_leave_runs_and_letters_readable(author: Principal) -> None:
    subscribed(author, "throw new sdk.Fatal('x')")
    letter = fail_for_good(author, {"total": 7})
    with as_system(db.session):
        db.session.execute(update(Event).values(created_at=utcnow() - timedelta(days=91)))
        db.session.commit()
    event_log.prune()

    assert db.session.scalars(select(Event.id)).all() == []
    kept = dead_letters.get(author, letter.id)
    assert (kept.event_id, kept.event_data) == (None, {"total": 7})
    again = replays.replay(author, letter.id)
    assert db.session.scalars(select(Event.id)).all() == [again.event_id]


def test_bob_only_reads_and_charlie_finds_nothing(
    author: Principal, bob: Person, charlie: Person, as_person: Callable[[Person], Principal]
) -> None:
    subscribed(author, "throw new sdk.Fatal('x')")
    letter = fail_for_good(author)
    viewer = as_person(bob)

    assert dead_letters.get(viewer, letter.id).id == letter.id
    for deed in (
        lambda: replays.replay(viewer, letter.id),
        lambda: replays.replay_many(viewer, Filters()),
        lambda: dead_letters.resolve(viewer, letter.id),
        lambda: dead_letters.remove(viewer, letter.id),
    ):
        with pytest.raises(Forbidden):
            deed()
    with pytest.raises(NotFound):
        dead_letters.get(as_person(charlie), letter.id)
