"""What led to what: one tree, whichever of its events and runs is looked at."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from models import Event, Execution, db
from models.ids import uuid7
from services import causation, scripts
from services.causation import MOST, MOST_BESIDE, Step
from services.errors import Forbidden
from services.identity import Principal
from services.scripts import Changes
from tests.conftest import Person


class Story:
    """Rows as events and runs leave them, without running anything."""

    def __init__(self, author: Principal) -> None:
        self.script = scripts.create(author, Changes(name="Price new orders", source="return 1"))

    def event(self, cause: Execution | None = None, depth: int = 0) -> Event:
        return self._kept(
            Event(id=uuid7(), type="order.created", cause_id=cause.id if cause else None, chain_depth=depth)
        )

    def run(self, event: Event | None = None, trigger: str = "event", **more: object) -> Execution:
        return self._kept(Execution(
            id=uuid7(), script_id=self.script.id, version_number=1, trigger=trigger, status="succeeded",
            event_id=event.id if event else None, **more,
        ))  # fmt: skip

    def _kept(self, row):
        db.session.add(row)
        db.session.flush()
        return row


@pytest.fixture
def author(app: Flask, alice: Person, as_person: Callable[[Person], Principal]) -> Principal:
    return as_person(alice)


@pytest.fixture
def story(author: Principal) -> Story:
    return Story(author)


def shape(step: Step) -> object:
    return [step.row.id, [shape(after) for after in step.then]] if step.then else step.row.id


def test_it_is_one_tree_whatever_of_it_is_looked_at(author: Principal, story: Story) -> None:
    first = story.event()
    run = story.run(first)
    second = story.event(run, depth=1)
    called = story.run(trigger="embedded", parent_id=run.id)
    last = story.run(second)
    again = story.run(second, trigger="replay", replay_of=last.id)
    everything = [first.id, [[run.id, [[second.id, [last.id, again.id]], called.id]]]]

    for looked_at in (first, run, second, called, last, again):
        found = causation.of(author, looked_at)
        assert shape(found.first) == everything, looked_at
        assert not found.is_alone and set(found.scripts) == {story.script.id}


def test_a_run_by_hand_and_its_repetitions_stand_together(author: Principal, story: Story) -> None:
    by_hand = story.run(trigger="manual")
    assert causation.of(author, by_hand).is_alone
    again = story.run(trigger="replay", replay_of=by_hand.id)

    assert shape(causation.of(author, again).first) == [by_hand.id, [again.id]]


def test_what_was_pruned_ends_the_way_back(author: Principal, story: Story) -> None:
    gone = story.event()
    run = story.run(gone)
    db.session.delete(gone)
    db.session.flush()
    published = story.event(run, depth=1)

    assert shape(causation.of(author, published).first) == [run.id, [published.id]]


def test_the_first_few_are_shown_and_always_what_is_looked_at(author: Principal, story: Story) -> None:
    event = story.event()
    runs = [story.run(event) for _ in range(MOST_BESIDE + 5)]
    found = causation.of(author, runs[-1]).first

    assert [step.row.id for step in found.then] == [run.id for run in [*runs[:MOST_BESIDE], runs[-1]]]
    assert found.more == 4


def test_a_large_tree_is_cut_and_says_so(author: Principal, story: Story) -> None:
    event = story.event()
    for _ in range(MOST_BESIDE):
        run = story.run(event)
        for _ in range(MOST_BESIDE):
            story.event(run, depth=1)
    found = [*causation.of(author, event).first]

    assert len(found) <= MOST + 1
    assert len(found) - 1 + sum(step.more for step in found) == MOST_BESIDE * (MOST_BESIDE + 1)


def test_it_says_where_the_loop_guard_stopped_and_what_goes_on(author: Principal, story: Story) -> None:
    stopped = story.event(story.run(story.event(depth=3), error_code="LOOP_GUARD"), depth=4)
    running = story.run(trigger="manual")
    running.status = "running"

    steps = [*causation.of(author, stopped).first]
    assert [step.is_stopped for step in steps] == [False, False, True]
    assert causation.of(author, running).first.is_going_on


def test_runs_of_another_tenant_are_no_part_of_it(
    author: Principal, story: Story, charlie: Person, as_person: Callable[[Person], Principal]
) -> None:
    event = story.event()
    story.run(event)
    db.session.commit()
    elsewhere = Story(as_person(charlie))
    same = elsewhere.run(trigger="manual", parent_id=event.id)

    found = causation.of(charlie.principal, same)
    assert found.is_alone and found.first.row.id == same.id


def test_who_may_not_see_runs_sees_no_causes(author: Principal, story: Story) -> None:
    with pytest.raises(Forbidden):
        causation.of(replace(author, permissions=frozenset({"scripts.read"})), story.event())
