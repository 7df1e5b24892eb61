"""Publishing: what is kept, whom it reaches, and what may be said twice."""

import math
import threading
from collections.abc import Callable
from functools import reduce
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from models import DeadLetter, Event, EventType, Execution, OutboxEntry, Script, db
from models.tenancy import as_tenant
from runtime.errors import HostError
from services import causation, event_log, event_types, recording, scripts, subscriptions
from services.errors import Forbidden, Invalid
from services.events import publish, publish_batch, publish_from_run
from services.granted.facts import RunFacts
from services.identity import Principal
from services.scripts import Changes
from tests.conftest import Person

TOTAL = {"path": "data.total", "op": "gte", "value": 100}


@pytest.fixture
def script(author: Principal) -> Script:
    return scripts.create(author, Changes(name="Price new orders", source="return context.event.data.total"))


def count(model) -> int:
    query = select(func.count(model.id))
    return db.session.scalar(query.where(Event.source != "dastgoh") if model is Event else query)


def facts_of(run: Execution, depth: int = 0) -> RunFacts:
    return RunFacts(
        execution_id=run.id, tenant_id=run.tenant_id, tenant_slug="acme", script_id=run.script_id, script_name="x",
        user_id=None, permissions=frozenset(), chain_depth=depth, attempt=1, request_id="", deadline=None, limits={},
    )  # fmt: skip


def test_an_event_its_runs_and_their_places_in_the_outbox_are_kept_together(author: Principal, script: Script) -> None:
    sub = subscriptions.create(author, script.id, "order.*", TOTAL)
    subscriptions.create(author, script.id, "client.*")

    answer = publish(author, "order.created", {"total": 150})

    run = db.session.scalars(select(Execution)).one()
    assert answer.matched == 1 and answer.id == str(answer.event_id) == str(run.event_id)
    assert (run.status, run.trigger, run.type, run.triggered_by) == ("queued", "event", "event", "system")
    assert run.trigger_id == sub.id and run.version_number == db.session.get(Script, script.id).version
    assert db.session.scalars(select(OutboxEntry.execution_id)).all() == [run.id]
    assert db.session.get(Event, answer.event_id).matched == 1


def test_an_event_that_no_filter_lets_pass_is_kept_and_runs_nothing(author: Principal, script: Script) -> None:
    subscriptions.create(author, script.id, "order.created", TOTAL)

    assert publish(author, "order.created", {"total": 99}).matched == 0
    assert publish(author, "order.cancelled", {"total": 900}).matched == 0
    assert (count(Event), count(Execution)) == (2, 0)


def test_what_is_paused_disabled_or_gone_does_not_run(author: Principal, script: Script) -> None:
    sub = subscriptions.create(author, script.id, "order.created")
    assert publish(author, "order.created").matched == 1
    subscriptions.update(author, sub.id, {"enabled": False})
    assert publish(author, "order.created").matched == 0
    subscriptions.update(author, sub.id, {"enabled": True})
    assert publish(author, "order.created").matched == 1
    scripts.save(author, script.id, Changes(enabled=False))
    assert publish(author, "order.created").matched == 0
    scripts.save(author, script.id, Changes(enabled=True))
    subscriptions.delete(author, sub.id)
    assert publish(author, "order.created").matched == 0


def test_a_changed_filter_counts_from_the_next_event_on(author: Principal, script: Script) -> None:
    sub = subscriptions.create(author, script.id, "order.created", TOTAL)
    assert publish(author, "order.created", {"total": 50}).matched == 0
    subscriptions.update(author, sub.id, {"filter": {"path": "data.total", "op": "gte", "value": 10}})
    assert publish(author, "order.created", {"total": 50}).matched == 1


@pytest.mark.parametrize("database", ["postgresql"])  # SQLite has one writer at a time
def test_of_two_changes_at_once_none_is_overlooked(
    app: Flask, author: Principal, script: Script, side_by_side: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = scripts.create(author, Changes(name="Tell the client", source="return 1"))
    slow, quick = (subscriptions.create(author, one.id, "order.created").id for one in (script, other))
    chosen, is_quick_done, touch = threading.Event(), threading.Event(), scripts.touch_triggers

    def dawdle(actor: Principal, script_id: UUID) -> Script:
        if script_id == script.id:
            chosen.set()
            is_quick_done.wait(1)
        return touch(actor, script_id)

    def change(subscription_id: UUID) -> None:
        with app.app_context(), as_tenant(db.session, author.tenant.id):
            subscriptions.update(author, subscription_id, {"filter": TOTAL})
            publish(author, "order.created", {"total": 1})

    def change_quickly() -> None:
        assert chosen.wait(10)
        change(quick)
        is_quick_done.set()

    monkeypatch.setattr(scripts, "touch_triggers", dawdle)
    side_by_side(lambda: change(slow), change_quickly)
    db.session.rollback()

    assert publish(author, "order.created", {"total": 1}).matched == 0


def test_the_same_id_again_gets_the_same_answer_and_nothing_new(author: Principal, script: Script) -> None:
    subscriptions.create(author, script.id, "order.created")
    first = publish(author, "order.created", {"a": 1, "b": [2]}, external_id="evt-1")

    assert first.id == "evt-1"
    assert publish(author, "order.created", {"b": [2], "a": 1}, external_id="evt-1") == first
    assert (count(Event), count(Execution)) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "data"), [("order.created", {"a": 2}), ("order.changed", {"a": 1}), ("order.created", {"a": True})]
)
def test_the_same_id_with_other_content_is_refused(author: Principal, kind: str, data: object) -> None:
    publish(author, "order.created", {"a": 1}, external_id="evt-1")

    with pytest.raises(Invalid) as refusal:
        publish(author, kind, data, external_id="evt-1")
    assert refusal.value.field == "id"


def test_an_id_is_the_tenants_own(author: Principal, charlie: Person, as_person: Callable[[Person], Principal]) -> None:
    publish(author, "order.created", 1, external_id="evt-1")
    elsewhere = as_person(charlie)

    assert publish(elsewhere, "order.created", 2, external_id="evt-1").id == "evt-1"


def test_a_batch_is_all_or_nothing(author: Principal, script: Script) -> None:
    subscriptions.create(author, script.id, "*")
    items = [{"type": "order.created", "data": n, "id": f"e{n}"} for n in range(5)]

    assert [one.matched for one in publish_batch(author, [*items, items[0]])] == [1] * 6
    assert count(Event) == 5
    with pytest.raises(Invalid):
        publish_batch(author, [{"type": "order.created"}, {"type": "not a type"}])
    with pytest.raises(Invalid):
        publish_batch(author, [{"type": "x"}] * 501)
    with pytest.raises(Invalid):
        publish_batch(author, [])
    assert count(Event) == 5


def test_duplicates_published_at_once_are_one_event(app: Flask, author: Principal, script: Script) -> None:
    subscriptions.create(author, script.id, "order.created")
    answers, start = [], threading.Barrier(6)

    def send() -> None:
        with app.app_context(), as_tenant(db.session, author.tenant.id):
            start.wait()
            answers.append(publish(author, "order.created", {"n": 1}, external_id="same"))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 6 and len(set(answers)) == 1
    db.session.rollback()
    assert (count(Event), count(Execution)) == (1, 1)


@pytest.mark.parametrize("database", ["postgresql"])  # where writers wait for each other's rows
def test_the_same_batches_from_both_ends_at_once_are_published_once(
    app: Flask, author: Principal, side_by_side: Callable
) -> None:
    items = [{"type": "order.created", "data": n, "id": f"e{n}"} for n in range(200)]

    def send(batch: list[dict]) -> int:
        with app.app_context(), as_tenant(db.session, author.tenant.id):
            return len(publish_batch(author, batch))

    for turn in range(5):
        batch = [{**item, "id": f"{turn}-{item['id']}"} for item in items]
        assert side_by_side(lambda: send(batch), lambda: send(batch[::-1])) == [200, 200]  # noqa: B023
    db.session.rollback()
    assert count(Event) == 1_000


def test_a_batch_that_is_refused_counts_and_teaches_nothing(author: Principal) -> None:
    publish(author, "order.created", 1, external_id="e")
    with pytest.raises(Invalid):
        publish_batch(author, [{"type": "client.created"}, {"type": "order.created", "data": 2, "id": "e"}])
    with pytest.raises(Invalid):
        publish_batch(author, [{"type": "client.created", "data": n, "id": "f"} for n in range(2)])
    publish(author, "client.created")

    assert [known.type for known in event_types.catalogue(author, "client.")] == ["client.created"]


@pytest.mark.parametrize("data", [
    math.nan, {"x": math.inf}, {"x": {1, 2}}, "x" * 500_001, "a\0b", "\\\0", "\ud800", {"a\0": 1},
    pytest.param(reduce(lambda inner, _: [inner], range(5_000), 1), id="deep"),
])  # fmt: skip
def test_poison_is_refused_at_the_door(author: Principal, data: object) -> None:
    with pytest.raises(Invalid):
        publish(author, "order.created", data)
    assert count(Event) == 0


@pytest.mark.parametrize("data", [
    "Наврўз oʻ gʻ 🏺 e\u0301 \u202eabc\u202c \u2028 \ufeff \U0010ffff \x7f", {"": 1, " ": 2, "\n": 3, "__proto__": {"a": 1}, "🏺": 4},
    "\\u0000 \\\\u0000", 0.1 + 0.2, 2**53 + 1, 5e-324, {"large": 10**30}, [[], {}, None, False, ""], "</script><!--", "x" * 499_990,
    pytest.param(reduce(lambda inner, _: [inner], range(99), 1), id="deep"),
], ids=lambda data: repr(data)[:12])  # fmt: skip
def test_whatever_is_json_is_kept_as_it_is(author: Principal, script: Script, data: object) -> None:
    subscriptions.create(author, script.id, "order.*", {"path": "data", "op": "exists", "value": True})
    answer = publish(author, "order.created", data, external_id="odd")
    db.session.expire_all()

    kept = db.session.scalars(select(Event.data).where(Event.id == answer.event_id)).one()
    assert kept == data and type(kept) is type(data)
    assert answer.matched == 1 and publish(author, "order.created", data, external_id="odd") == answer


@pytest.mark.parametrize(
    "kind", ["", "a b", ".a", "a.", "a..b", "заказ", "x" * 201, None, 5, "dastgoh.script.created", "a.*", "*"]
)
def test_a_type_that_is_none_is_refused(author: Principal, kind: object) -> None:
    with pytest.raises(Invalid):
        publish(author, kind, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", ["", "*.a", "a*", "a.*.b", ".*", "**", "x" * 199 + ".*", 5, None])
def test_a_pattern_that_is_none_is_refused(author: Principal, script: Script, pattern: object) -> None:
    with pytest.raises(Invalid) as refusal:
        subscriptions.create(author, script.id, pattern)
    assert refusal.value.field == "event_type"


def test_a_viewer_publishes_nothing(bob: Person, as_person: Callable[[Person], Principal]) -> None:
    with pytest.raises(Forbidden):
        publish(as_person(bob), "order.created")


def test_the_catalogue_learns_types_with_a_sample(author: Principal) -> None:
    publish(author, "order.created", {"total": 1})
    publish(author, "order.created", {"total": 2})
    publish(author, "client.created", {"name": "Навруз"})

    assert [(row.type, row.sample) for row in event_types.catalogue(author, "order")] == [
        ("order.created", {"total": 1})
    ]
    assert db.session.scalars(select(EventType.seen).where(EventType.type == "order.created")).one() == 1
    assert "dastgoh.script.created" in [row.type for row in event_types.catalogue(author)]
    assert event_types.sample(author, "client.*") == {"name": "Навруз"}


def test_a_script_does_not_answer_its_own_events_unless_allowed(author: Principal, script: Script) -> None:
    sub = subscriptions.create(author, script.id, "order.*")
    other = scripts.create(author, Changes(name="Another one", source="return 1"))
    subscriptions.create(author, other.id, "order.*")
    publish(author, "order.created")
    run = db.session.scalars(select(Execution).where(Execution.script_id == script.id)).one()

    publish_from_run(facts_of(run), "order.priced", {})
    assert db.session.scalars(select(Event.matched).where(Event.type == "order.priced")).one() == 1

    subscriptions.update(author, sub.id, {"allow_self": True})
    publish_from_run(facts_of(run), "order.priced.again", {})
    assert db.session.scalars(select(Event.matched).where(Event.type == "order.priced.again")).one() == 2


def test_the_fourth_event_of_a_chain_is_kept_and_refused(author: Principal, script: Script) -> None:
    subscriptions.create(author, script.id, "*", allow_self=True)
    publish(author, "ping")
    for depth in range(3):
        run = db.session.scalars(select(Execution).where(Execution.chain_depth == depth)).one()
        publish_from_run(facts_of(run, depth), "ping", depth)
    last = db.session.scalars(select(Execution).where(Execution.chain_depth == 3)).one()

    with pytest.raises(HostError) as refusal:
        publish_from_run(facts_of(last, 3), "ping", "too deep")

    assert refusal.value.code == "LOOP_GUARD"
    stopped = db.session.scalars(select(Event).where(Event.chain_depth == 4).options(undefer(Event.data))).one()
    assert (stopped.matched, stopped.data, stopped.cause_id) == (0, "too deep", last.id)
    assert count(Execution) == 4
    [*steps] = causation.of(author, stopped).first
    assert [step.is_event for step in steps] == [True, False] * 4 + [True]
    assert steps[-1].row.id == stopped.id and [step.is_stopped for step in steps] == [False] * 8 + [True]


def test_the_workbench_publishes_what_happens_to_scripts(author: Principal, script: Script) -> None:
    watcher = scripts.create(author, Changes(name="Watcher", source="return 1"))
    subscriptions.create(author, watcher.id, "dastgoh.script.*")
    subscriptions.create(author, script.id, "*")

    scripts.save(author, script.id, Changes(enabled=False))

    kinds = db.session.execute(select(Event.type, Event.source, Event.matched).order_by(Event.id.desc()).limit(2)).all()
    assert kinds == [("dastgoh.script.disabled", "dastgoh", 1), ("dastgoh.script.updated", "dastgoh", 1)]


@pytest.mark.parametrize("kept", [
    {"version": 1, "path": "data.total", "op": "from_the_future"}, {"version": 2, "path": "data.total", "op": "gt", "value": 1},
    {"version": 1, "path": "data.name", "op": "matches", "value": "(?=x)"}, {"version": 1, "path": "data.total", "op": "between", "value": []},
    {"version": 1, "none": []}, {"version": 1, "all": 5}, {"version": 1, "path": "data.total", "op": "gt", "value": None},
], ids=lambda kept: str(len(str(kept))))  # fmt: skip
def test_an_unreadable_filter_becomes_a_dead_letter_and_stops_no_one_else(
    author: Principal, script: Script, kept: dict
) -> None:
    broken, fine = (
        subscriptions.create(author, script.id, "order.*", TOTAL),
        subscriptions.create(author, script.id, "*"),
    )
    broken.filter = kept
    broken.updated_at = subscriptions._next_moment()
    db.session.commit()

    answer = publish(author, "order.created", {"total": "many", "name": "x"})
    letter = db.session.scalars(select(DeadLetter).options(undefer(DeadLetter.event_data))).one()
    assert (letter.error_code, letter.subscription_id, letter.attempts) == ("INVALID_INPUT", broken.id, 0)
    assert letter.event_data == {"total": "many", "name": "x"}
    assert answer.matched == 1 and db.session.scalars(select(Execution.trigger_id)).all() == [fine.id]
    considered = event_log.considered(author, event_log.get(author, answer.event_id))
    assert [one.subscription.id for one in considered if one.verdict is None] == [broken.id]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_news_of_dead_letters_that_cannot_be_delivered_is_not_told_in_turn(author: Principal, script: Script) -> None:
    for kind in ("order.*", "dastgoh.execution.dead"):
        broken = subscriptions.create(author, script.id, kind)
        broken.filter = {"version": 2, "kept": "by another version"}
        broken.updated_at = subscriptions._next_moment()
    db.session.commit()

    publish(author, "order.created")
    letters = db.session.scalars(select(DeadLetter.event_type).order_by(DeadLetter.id)).all()
    assert letters == ["order.created", "dastgoh.execution.dead"]


def test_a_script_with_parameters_gets_the_data_as_its_input(author: Principal) -> None:
    script = scripts.create(
        author, Changes(name="With a form", source="return 1", parameters=[{"name": "total", "type": "number"}])
    )
    subscriptions.create(author, script.id, "order.created")
    publish(author, "order.created", {"total": 5})

    run = db.session.scalars(select(Execution).options(undefer(Execution.input))).one()
    assert run.input == {"total": 5}


def test_a_deleted_scripts_waiting_deliveries_are_called_off(author: Principal, script: Script) -> None:
    subscriptions.create(author, script.id, "order.created")
    publish(author, "order.created")
    scripts.delete(author, script.id)

    run = db.session.scalars(select(Execution).execution_options(populate_existing=True)).one()
    assert (run.status, run.error_code) == ("cancelled", "CANCELLED")
    assert publish(author, "order.created").matched == 0


def test_the_log_finds_events_and_says_why_they_ran(author: Principal, script: Script) -> None:
    subscriptions.create(author, script.id, "order.*", TOTAL)
    small, large = publish(author, "order.created", {"total": 5}), publish(author, "order.created", {"total": 500})

    assert [e.id for e in event_log.page(author, event_log.Filters(type="order.*", matched="yes")).rows] == [
        large.event_id
    ]
    assert [e.id for e in event_log.page(author, event_log.Filters(matched="no", source="api")).rows] == [
        small.event_id
    ]
    [why] = event_log.considered(author, event_log.get(author, small.event_id))
    assert not why.verdict.holds and why.verdict.seen == (5,)
    assert [run.event_id for run in event_log.runs(author, large.event_id)] == [large.event_id]


def test_a_filter_is_tried_on_what_came_before(author: Principal) -> None:
    for total in (50, 150, 250):
        publish(author, "order.created", {"total": total})
    publish(author, "client.created", {"total": 999})
    trial = subscriptions.try_out(author, "order.*", TOTAL)

    assert (trial.matched, len(trial.tried), trial.in_a_week, trial.runs_in_a_week) == (2, 3, 3, 2)
    assert [one.verdict.seen for one in trial.tried] == [(250,), (150,), (50,)]


def test_trying_and_searching_tell_types_apart_as_routing_does(author: Principal, script: Script) -> None:
    subscriptions.create(author, script.id, "order.*")
    subscriptions.create(author, script.id, "*")
    kinds = ("order.created", "Order.created", "orderXcreated", "Dastgoh.x", "order")
    taken = {kind: publish(author, kind).matched for kind in kinds}

    assert taken == {"order.created": 2, "Order.created": 1, "orderXcreated": 1, "Dastgoh.x": 1, "order": 1}
    for pattern, wanted in (("order.*", {"order.created"}), ("*", set(kinds))):
        assert {one.event.type for one in subscriptions.try_out(author, pattern, None).tried} == wanted
    assert [event.type for event in event_log.page(author, event_log.Filters(type="Order.*")).rows] == ["Order.created"]
    assert [known.type for known in event_types.catalogue(author, "Order")] == ["Order.created"]


def test_an_event_is_published_exactly_as_scripts_see_it(author: Principal) -> None:
    publish(author, "order.created", {"total": 1}, external_id="evt-9")
    event = db.session.scalars(select(Event).where(Event.external_id == "evt-9").options(undefer(Event.data))).one()

    seen = recording.as_seen(event)
    assert (seen["id"], seen["type"], seen["data"]) == ("evt-9", "order.created", {"total": 1})
    assert seen["timestamp"] == event.created_at.isoformat()
