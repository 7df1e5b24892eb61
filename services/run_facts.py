"""What stands around a run on its page: its script, its attempts, what caused it and what it caused."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from models.base import db
from models.dead_letter import DeadLetter
from models.event import Event
from models.execution import Execution
from models.script import Script
from models.tenant import Tenant
from services import causation
from services.authoring import name_of
from services.causation import Causation
from services.identity import Principal
from services.policies import quota


@dataclass(frozen=True)
class Around:
    person: str = ""
    causation: Causation | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    event: Event | None = None  # that it ran on, as long as it is kept
    dead_letter_id: UUID | None = None  # open, and for whoever may act on it
    replayed_letter_id: UUID | None = None  # that this run delivers again


def script_of(run: Execution) -> Script:
    """Deleted or not: history stays readable."""
    return db.session.get_one(Script, run.script_id)


def has_room(run: Execution) -> bool:
    """Whether it could begin in this minute, as far as its tenant's quota goes."""
    return quota.has_room(run.tenant_id, db.session.get_one(Tenant, run.tenant_id).limits)


def around(actor: Principal, run: Execution) -> Around:
    """Who reads the run may read this too; runs of other scripts only with the right to read runs."""
    if not actor.may("executions.read"):
        return Around(person=run.actor_label, attempts=_attempts(run))
    return Around(
        person=name_of(run.user_id) or run.actor_label,
        causation=causation.of(actor, run),
        attempts=_attempts(run),
        event=db.session.get(Event, run.event_id) if run.event_id else None,
        dead_letter_id=_dead_letter_of(run) if run.error_code and actor.may("dead_letters.manage") else None,
        replayed_letter_id=_replayed_by(run) if actor.may("dead_letters.manage") else None,
    )


def _dead_letter_of(run: Execution) -> UUID | None:
    query = select(DeadLetter.id).where(DeadLetter.execution_id == run.id, DeadLetter.resolved_at.is_(None))
    return db.session.scalar(query.limit(1))


def _replayed_by(run: Execution) -> UUID | None:
    if run.trigger != "replay":
        return None
    return db.session.scalar(select(DeadLetter.id).where(DeadLetter.replayed_as == run.id).limit(1))


def _attempts(run: Execution) -> list[dict[str, Any]]:
    """The earlier ones, with times that are times."""
    return [{**one, "finished_at": datetime.fromisoformat(one["finished_at"])} for one in run.attempts]
