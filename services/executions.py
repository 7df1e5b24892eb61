"""Runs: starting, performing, stopping and repeating them. All doors lead to `perform`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import undefer

from models.base import db
from models.database import reading
from models.execution import FINISHED, Execution
from models.script import Script
from models.tenant import Tenant
from runtime.errors import HostError
from runtime.host import current_call
from services import audit, claims, direct, event_log, outcomes, parameters, runnable, scripts, versions
from services.audit import Target
from services.direct import Ran
from services.engines import engines
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.granted.facts import RunFacts
from services.hands import hands
from services.identity import Principal, require
from services.performing import perform, perform_here, refuse
from services.policies import quota
from services.queueing import Wanted, enqueue, queued
from services.steward import ask_to_stop
from services.stored import as_json, as_text
from services.sweeping import sweep
from services.turns import turns
from services.wiring import redis

__all__ = [
    "Wanted",
    "cancel",
    "enqueue",
    "get",
    "perform",
    "replay",
    "run",
    "run_embedded",
    "start",
    "sweep",
    "wait_for",
]

MAX_INPUT_BYTES = 1024 * 1024
LOOK_S = 0.1
_WHOLE = [undefer(getattr(Execution, name)) for name in
          ("input", "request", "output", "error", "logs", "calls", "attempts", "test_source")]  # fmt: skip


def start(
    actor: Principal,
    script_id: UUID,
    *,
    input: Any = None,
    trigger: str = "manual",
    source: str | None = None,
    version: int | None = None,
    event_id: UUID | None = None,
) -> Execution:
    """Written, committed, and on its way in a thread of this process. `source` is an unsaved buffer, run as a test; with
    `event_id` the script sees that event as if it had been delivered."""
    require(actor, "scripts.execute")
    script = scripts.get(actor, script_id)
    pinned = versions.find(script_id, version) if version is not None else None
    declared = pinned.parameters if pinned and source is None else script.parameters
    given = as_json(input, MAX_INPUT_BYTES, "input")
    parameters.apply(list(declared), given)  # its form wants to hear at once what does not fit
    if source is not None and len(as_text(source, "source").encode()) > scripts.MAX_SOURCE_BYTES:
        raise Invalid("The code has more than %(most)s bytes.", field="source", most=scripts.MAX_SOURCE_BYTES)
    event = event_log.get(actor, event_id) if event_id else None
    return _begin(script, Wanted(
        trigger="test" if source is not None else trigger, actor=actor, input=given, version=version, test_source=source,
        triggered_by="api" if actor.token_id else "user", event_id=event_id, type="event" if event else "",
        chain_depth=event.chain_depth if event else 0,
    ))  # fmt: skip


def replay(actor: Principal, execution_id: UUID, *, current: bool = False) -> Execution:
    """The same input again, on the version it ran or on the current one."""
    require(actor, "scripts.execute")
    old = get(actor, execution_id)
    script = scripts.get(actor, old.script_id)
    return _begin(script, Wanted(
        trigger="replay", actor=actor, input=old.input, request=old.request, event_id=old.event_id, replay_of=old.id,
        version=script.version if current else old.version_number, type=old.type,
        test_source=None if current else old.test_source, triggered_by="api" if actor.token_id else "user",
        chain_depth=old.chain_depth,
    ))  # fmt: skip


def run(actor: Principal, name: str, input: Any = None, seconds: float = 300) -> Ran:
    """For programs that call a script as they would call a function: by name, and with its answer. May raise Busy."""
    require(actor, "scripts.execute")
    script = runnable.by_name(actor.tenant.id, scripts.key_of(name)) if actor.tenant else None
    if script is None:
        raise NotFound("There is no script “%(name)s”.", name=name[:100])
    given = as_json(input, MAX_INPUT_BYTES, "input")
    parameters.apply(script.parameters, given)
    wanted = Wanted(trigger="embedded", actor=actor, input=given, triggered_by="api" if actor.token_id else "user")
    return direct.run(script, wanted, seconds)


def run_embedded(facts: RunFacts, name: str, input: Any, deadline: float | None) -> Any:
    """For sdk.scripts.run, on the calling run's own thread: the value, or the error of the script that was called."""
    script = db.session.scalar(Script.alive().where(Script.name_key == scripts.key_of(name)))
    if script is None:
        raise HostError("INVALID_INPUT", f"there is no script “{name[:100]}”")
    child = queued(script, Wanted(
        trigger="embedded", triggered_by="system", input=input, parent_id=facts.execution_id,
        chain_depth=facts.chain_depth + 1, label=facts.script_name,
    ))  # fmt: skip
    child.user_id = facts.user_id
    child_id = child.id
    db.session.commit()
    with _stopped_with_its_caller(child_id):
        perform(child_id, deadline=deadline, on_busy=refuse, at_most=facts.permissions if facts.user_id else None)
    ended = db.session.scalars(select(Execution).where(Execution.id == child_id).options(*_WHOLE)).one()
    if ended.error:
        error = ended.error
        told = {"execution_id": str(child_id)}
        if ended.status == "refused" and (asked := (error.get("details") or {}).get("retry_after")):
            told["retry_after"] = asked
        raise HostError(error["code"], f"{script.name}: {error['message']}", error["retryable"], told)
    return ended.output


@contextmanager
def _stopped_with_its_caller(child_id: UUID) -> Iterator[None]:
    """Nobody waits any more for what a run that was stopped, or died, has called."""
    call, over, runtime = current_call(), Event(), engines()

    def look() -> None:
        while call and not over.wait(LOOK_S):
            if call.cancelled.is_set():
                runtime.cancel(str(child_id))

    Thread(target=look, name="caller of a run", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _begin(script: Script, wanted: Wanted) -> Execution:
    quota.require_room(script.tenant_id, db.session.get_one(Tenant, script.tenant_id).limits, wanted.trigger)
    started = queued(script, wanted)
    db.session.commit()
    hands().perform(started.id, perform_here)
    return started


def get(actor: Principal, execution_id: UUID) -> Execution:
    """With everything it left behind. Whoever may execute sees their own runs."""
    if not actor.may("scripts.execute"):
        require(actor, "executions.read")
    query = select(Execution).where(Execution.id == execution_id).options(*_WHOLE)
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound("There is no such run.")
    if found.user_id != actor.id:
        require(actor, "executions.read")
    return found


def wait_for(actor: Principal, execution_id: UUID, seconds: float) -> Execution:
    """The run when it has finished, or as it is after so long; at once where others of the tenant wait on all its threads."""
    assert actor.tenant is not None
    until, pause = time.monotonic() + seconds, 0.005
    # Asking again and again must not take the lock that the run needs to finish.
    with reading(), turns().watching(actor.tenant.id) as may_wait:
        while _goes_on(execution_id) and may_wait and time.monotonic() + pause <= until:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        found = get(actor, execution_id)
        db.session.commit()
        return found


def _goes_on(execution_id: UUID) -> bool:
    """Its status alone: inputs and results may be megabytes."""
    status = db.session.scalar(select(Execution.status).where(Execution.id == execution_id))
    db.session.commit()
    return status is not None and status not in FINISHED


def cancel(actor: Principal, execution_id: UUID) -> Execution:
    """Queued: withdrawn. Running: the process that performs it is told. Finished: a conflict."""
    found = get(actor, execution_id)
    if not actor.may("executions.cancel") and not (found.user_id == actor.id and actor.may("scripts.execute")):
        raise Forbidden("You need the permission “%(permission)s” for this.", permission="executions.cancel")
    if found.is_finished:
        raise Conflict("This run has already finished.")
    script = db.session.get_one(Script, found.script_id)
    values = outcomes.ended_early("CANCELLED", f"stopped by {actor.email} before it began", "cancelled")
    withdrawn = claims.withdraw(execution_id, values)
    if not withdrawn and not claims.flag_unwanted(execution_id):
        db.session.rollback()
        raise Conflict("This run has already finished.")
    audit.record(actor, "execution.cancelled", Target("execution", execution_id, script.name))
    db.session.commit()
    if not withdrawn:
        ask_to_stop(redis(), execution_id)
    return get(actor, execution_id)
