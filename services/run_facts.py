"""What stands around a run on its page: its script, its attempts, what caused it and what it caused."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from models.base import db
from models.event import Event
from models.execution import Execution
from models.script import Script
from services.authoring import name_of
from services.identity import Principal

MOST_CHILDREN = 20


@dataclass(frozen=True)
class Around:
    person: str = ""
    event: Event | None = None
    parent: Execution | None = None
    replay_of: Execution | None = None
    replays: list[Execution] = field(default_factory=list)
    children: list[Execution] = field(default_factory=list)
    published: list[tuple[str, int]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)


def script_of(run: Execution) -> Script:
    """Deleted or not: history stays readable."""
    return db.session.get_one(Script, run.script_id)


def around(actor: Principal, run: Execution) -> Around:
    """Who reads the run may read this too; runs of other scripts only with the right to read runs."""
    if not actor.may("executions.read"):
        return Around(person=run.actor_label, attempts=list(run.attempts))
    return Around(
        person=name_of(run.user_id) or run.actor_label,
        event=db.session.get(Event, run.event_id) if run.event_id else None,
        parent=_run(run.parent_id),
        replay_of=_run(run.replay_of),
        replays=_runs(Execution.replay_of == run.id, Execution.script_id == run.script_id),
        children=_runs(Execution.parent_id == run.id),
        published=_published(run.id),
        attempts=list(run.attempts),
    )


def _run(execution_id: UUID | None) -> Execution | None:
    return db.session.scalar(select(Execution).where(Execution.id == execution_id)) if execution_id else None


def _runs(*conditions: Any) -> list[Execution]:
    query = select(Execution).where(*conditions).order_by(Execution.created_at, Execution.id).limit(MOST_CHILDREN)
    return list(db.session.scalars(query))


def _published(execution_id: UUID) -> list[tuple[str, int]]:
    rows = db.session.execute(
        select(Event.type, func.count(Event.id)).where(Event.cause_id == execution_id).group_by(Event.type).limit(20)
    )
    return [(kind, count) for kind, count in rows]
