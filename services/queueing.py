"""New runs, as rows. Every door makes its rows here, in its own transaction; what happens to them next is its own affair."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import logs
from models.base import db, utcnow
from models.event import OutboxEntry
from models.execution import Execution
from models.ids import uuid7
from models.script import Script
from services.identity import Principal
from services.limits import effective
from services.runnable import Runnable
from services.wiring import settings

# context.execution.type, by what started the run; everything else is one_off.
_TYPES = {"cron": "cron", "http": "http", "event": "event", "embedded": "embedded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Why a run is wanted, and with what."""

    trigger: str
    triggered_by: str = "user"  # user, system, api
    input: Any = None
    actor: Principal | None = None
    label: str = ""  # who, where nobody signed in is behind it: an endpoint's caller, a schedule
    version: int | None = None
    test_source: str | None = None
    request: dict[str, Any] | None = None
    trigger_id: UUID | None = None
    event_id: UUID | None = None
    parent_id: UUID | None = None
    replay_of: UUID | None = None
    chain_depth: int = 0
    type: str = ""


def queued(script: Script | Runnable, wanted: Wanted, due_at: datetime | None = None) -> Execution:
    """The row, added and not yet committed. Whoever adds it performs it, or the sweep does after `due_at`."""
    run = Execution(**columns(script, wanted, due_at))
    db.session.add(run)
    return run


def columns(script: Script | Runnable, wanted: Wanted, due_at: datetime | None = None) -> dict[str, Any]:
    """What the row of such a run says at its beginning."""
    return dict(
        id=uuid7(), script_id=script.id, version_number=wanted.version or script.version, trigger=wanted.trigger,
        type=type_of(wanted), triggered_by=wanted.triggered_by,
        trigger_id=wanted.trigger_id, user_id=wanted.actor.id if wanted.actor else None,
        actor_label=wanted.actor.email if wanted.actor else wanted.label[:254], request_id=logs.request_id.get(),
        event_id=wanted.event_id, parent_id=wanted.parent_id, replay_of=wanted.replay_of,
        chain_depth=wanted.chain_depth, test_source=wanted.test_source, input=wanted.input, request=wanted.request,
        limits=effective(script.limits, settings()), status="queued", due_at=due_at or utcnow() + timedelta(seconds=settings().run_lease_s),
    )  # fmt: skip


def type_of(wanted: Wanted) -> str:
    return wanted.type or _TYPES.get(wanted.trigger, "one_off")


def enqueue(script: Script | Runnable, wanted: Wanted, due_at: datetime | None = None) -> Execution:
    """For doors that do not wait: the row and its place in the outbox, in the caller's transaction."""
    run = queued(script, wanted, due_at)
    db.session.flush()
    db.session.add(OutboxEntry(tenant_id=run.tenant_id, execution_id=run.id))
    return run
