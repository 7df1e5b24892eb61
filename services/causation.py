"""What led to what: events, the runs they started, what those published and called, as one tree from its first cause."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, or_, select

from models.base import db
from models.event import Event
from models.execution import Execution
from models.script import Script
from services import event_log
from services.granted.facts import MAX_DEPTH
from services.identity import Principal, require

MOST = 80  # steps of a tree
MOST_BESIDE = 12  # that one thing led to directly
MOST_BEFORE = 30  # steps back to the first cause

Row = TypeVar("Row", Event, Execution)


@dataclass
class Step:
    row: Event | Execution
    then: list["Step"] = field(default_factory=list)
    more: int = 0  # what it led to besides, and is not shown

    @property
    def is_event(self) -> bool:
        return isinstance(self.row, Event)

    @property
    def is_going_on(self) -> bool:
        return isinstance(self.row, Execution) and not self.row.is_finished

    @property
    def is_stopped(self) -> bool:
        """By the loop guard: it reached nobody."""
        return isinstance(self.row, Event) and self.row.chain_depth >= MAX_DEPTH

    def __iter__(self) -> Iterator["Step"]:
        yield self
        for step in self.then:
            yield from step


@dataclass(frozen=True)
class Causation:
    first: Step
    scripts: dict[UUID, Script]

    @property
    def is_alone(self) -> bool:
        return not self.first.then


def of(actor: Principal, row: Event | Execution) -> Causation:
    require(actor, "executions.read")
    way = [row]
    while len(way) < MOST_BEFORE and (before := _before(way[-1])):
        way.append(before)
    first = Step(way[-1])
    _grow(first, {one.id for one in way})
    scripts = event_log.scripts_of(step.row.script_id for step in first if isinstance(step.row, Execution))
    return Causation(first, scripts)


def _before(row: Event | Execution) -> Event | Execution | None:
    """None too where it has been pruned."""
    if isinstance(row, Event):
        return db.session.get(Execution, row.cause_id) if row.cause_id else None
    if row.event_id:
        return db.session.get(Event, row.event_id)
    earlier = row.parent_id or row.replay_of
    return db.session.get(Execution, earlier) if earlier else None


def _grow(first: Step, way: set[UUID]) -> None:
    """Level by level; `way` leads to what the reader looks at, and is always shown."""
    level, left = [first], MOST
    while level:
        after = _after(level, way)
        for step in level:
            rows, count = after.get(step.row.id, ([], 0))
            rows, room = sorted(rows, key=_age), max(0, left)
            step.then = [Step(row) for place, row in enumerate(rows) if place < room or row.id in way]
            step.more = count - len(step.then)
            left -= len(step.then)
        level = [after_it for step in level for after_it in step.then]


def _age(row: Event | Execution) -> UUID:
    return row.id  # UUIDv7: as they were made


def _after(level: Sequence[Step], way: set[UUID]) -> dict[UUID, tuple[list[Event | Execution], int]]:
    """What each step led to, and how much that is in all."""
    events = [step.row.id for step in level if step.is_event]
    runs = [step.row.id for step in level if not step.is_event]
    found: dict[UUID, tuple[list[Event | Execution], int]] = {}
    relations: Iterator[tuple[UUID, Sequence[Event | Execution], int]] = chain(
        _led_to(Execution, Execution.event_id, events, way),
        _led_to(Execution, Execution.parent_id, runs, way),
        _led_to(Execution, Execution.replay_of, runs, way, Execution.event_id.is_(None)),
        _led_to(Event, Event.cause_id, runs, way),
    )
    for parent, rows, count in relations:
        known, counted = found.get(parent, ([], 0))
        found[parent] = [*known, *rows], counted + count
    return found


def _led_to(
    model: type[Row], by: Any, parents: Collection[UUID], way: set[UUID], *conditions: Any
) -> Iterator[tuple[UUID, list[Row], int]]:
    """By parent: the first few, and how many there are."""
    if not parents:
        return
    ranked = (
        select(
            model.id.label("id"), by.label("parent"), func.count().over(partition_by=by).label("count"),
            func.row_number().over(partition_by=by, order_by=model.id).label("place"),
        ).where(by.in_(parents), *conditions).subquery()
    )  # fmt: skip
    shown = or_(ranked.c.place <= MOST_BESIDE, ranked.c.id.in_(way))
    query = select(model, ranked.c.parent, ranked.c.count).join(ranked, ranked.c.id == model.id).where(shown)
    found = db.session.execute(query.order_by(ranked.c.parent, model.id)).all()
    for (parent, count), rows in groupby(found, key=lambda one: (one.parent, one.count)):
        yield parent, [row[0] for row in rows], count
