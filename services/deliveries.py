"""What becomes of an event's delivery when a run of it ends badly: another attempt later, or a dead letter."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.dead_letter import DeadLetter
from models.event import Event
from models.execution import Execution
from models.script import Script
from models.script_version import ScriptVersion
from runtime import ScriptError
from services import happenings, meters, outcomes, retry
from services.limits import effective
from services.retry import RetryDecision, RetryPolicy
from services.wiring import settings

BAD_ENDS = ("failed", "timed_out", "refused")
DEAD = "dastgoh.execution.dead"


def settle(execution_id: UUID, values: dict[str, Any]) -> dict[str, Any]:
    """The values that end an attempt, or those that queue the next one. In the transaction that will write them."""
    if values["status"] not in BAD_ENDS:
        return values
    run = _run(execution_id)
    if not is_delivery(run) or run.cancel_requested or _is_deleted(run.script_id):
        return values
    decision = retry.decide(ScriptError(**values["error"]), run.attempt, _policy(run))
    return values if decision is None else _next_attempt(run, values, decision)


def conclude(execution_id: UUID, values: dict[str, Any]) -> None:
    """After `settle`'s values were written: a delivery that failed for good becomes a dead letter."""
    if values["status"] == "queued":
        meters.count("event_retries_total")
    elif values["status"] in BAD_ENDS:
        run = _run(execution_id)
        if is_delivery(run):
            _bury_run(run, values)


def is_delivery(run: Execution) -> bool:
    """Runs on events, and what replays dead letters; not what people repeat by hand to see what happens."""
    return run.trigger == "event" or (run.trigger == "replay" and run.type == "event" and run.trigger_id is not None)


def bury(script: Any, subscription_id: UUID, event: Event, code: str, message: str) -> None:
    """For what never became a run."""
    error = outcomes.failure(ScriptError.of(code, message))
    _add(DeadLetter(
        script_id=script.id, subscription_id=subscription_id, event_id=event.id, event_type=event.type,
        event_data=event.data, version_number=script.version, attempts=0, **error,
    ), script.name)  # fmt: skip


def _bury_run(run: Execution, values: dict[str, Any]) -> None:
    event = db.session.get(Event, run.event_id, options=[undefer(Event.data)]) if run.event_id else None
    script = db.session.get_one(Script, run.script_id)
    _add(DeadLetter(
        script_id=run.script_id, subscription_id=run.trigger_id, execution_id=run.id, event_id=event and event.id,
        event_type=event.type if event else "", event_data=event and event.data, version_number=run.version_number,
        attempts=run.attempt, error=values["error"], error_code=values["error_code"],
        error_frame=values["error_frame"], error_message=values["error_message"],
    ), script.name)  # fmt: skip


def _add(letter: DeadLetter, script_name: str) -> None:
    db.session.add(letter)
    db.session.flush()
    meters.count("dead_letters_total")
    if letter.event_type == DEAD and letter.execution_id is None:
        return  # no run counts the way it came: news of news that cannot be delivered would be told for ever
    happenings.announce(DEAD, {
        "id": str(letter.execution_id) if letter.execution_id else None, "dead_letter_id": str(letter.id),
        "script": {"id": str(letter.script_id), "name": script_name},
        "error": {"code": letter.error_code, "message": letter.error_message},
    })  # fmt: skip


def _next_attempt(run: Execution, values: dict[str, Any], decision: RetryDecision) -> dict[str, Any]:
    now = utcnow()
    ended = {
        "attempt": run.attempt, "status": values["status"], "error": values["error"],
        "started_at": run.started_at.isoformat() if run.started_at else None, "finished_at": now.isoformat(),
        "run_ms": values.get("run_ms"), "retried": decision.reason,
    }  # fmt: skip
    return {
        "status": "queued", "attempt": run.attempt + 1, "attempts": [*run.attempts, ended], "started_at": None,
        "due_at": now + timedelta(seconds=decision.wait_s),
    }  # fmt: skip


def _run(execution_id: UUID) -> Execution:
    query = select(Execution).where(Execution.id == execution_id).options(undefer(Execution.attempts))
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def _is_deleted(script_id: UUID) -> bool:
    """Locked until the attempt's end is written: a deletion meanwhile would not find the next attempt to call it off."""
    query = select(Script.deleted_at).where(Script.id == script_id).with_for_update(key_share=True)
    return db.session.scalar(query) is not None


def _policy(run: Execution) -> RetryPolicy:
    limits = db.session.scalar(
        select(ScriptVersion.limits)
        .where(ScriptVersion.script_id == run.script_id, ScriptVersion.number == run.version_number)
    )  # fmt: skip
    return RetryPolicy.of(effective(limits or {}, settings()))


@happenings.listen
def _withdraw_waiting(kind: str, data: dict[str, Any]) -> None:
    """A deleted script's waiting deliveries are called off, in the transaction that deletes it."""
    if kind != "dastgoh.script.deleted":
        return
    values = outcomes.ended_early("CANCELLED", "the script was deleted before the run began", "cancelled")
    db.session.execute(
        update(Execution)
        .where(Execution.script_id == UUID(data["id"]), Execution.status == "queued")
        .values(leased_by="", due_at=None, **values)
        .execution_options(synchronize_session=False)
    )
