"""Performing one run, whichever door it came through: claim, pin, let the database go, execute, finish."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, update

from models.base import db, utcnow
from models.script import Script
from models.tenancy import as_tenant
from services import calls, claims, deliveries, happenings, outcomes, stale_slots
from services.errors import Busy, ServiceError
from services.execute import execute
from services.hands import hands
from services.wiring import settings

log = logging.getLogger(__name__)

NOTED_EVERY = timedelta(seconds=5)

OnBusy = Callable[[calls.Call, Busy], None]


def perform(
    execution_id: UUID, *, deadline: float | None = None, on_busy: OnBusy | None = None,
    at_most: frozenset[str] | None = None,
) -> None:  # fmt: skip
    """Claim, pin, let the database go, execute, finish. Needs an application context and no tenant; raises nothing of
    what the script or a policy says. Whoever comes second finds nothing to do."""
    lease_s = settings().run_lease_s
    tenant_id = claims.claim(execution_id, lease_s)
    if tenant_id is None:
        return
    with as_tenant(db.session, tenant_id), hands().steward.watching(execution_id):
        call = calls.build(execution_id, deadline, at_most)
        db.session.commit()
        try:
            values = ended(call)
        except Busy as busy:
            stale_slots.free(call)
            (on_busy or later)(call, busy)
            return
        conclude(call, values)


def ended(call: calls.Call) -> dict[str, Any]:
    """Runs it, and answers what its row shall keep of that. Busy: it has not begun, and keeps its turn."""
    if (
        call.is_unwanted
    ):  # asked for when it was taken but not under way: between a claim and its start, or its return to the queue
        return outcomes.ended_early("CANCELLED", "stopped before it began", "cancelled")
    try:
        return {**outcomes.finished(execute(call)), "limits": dict(call.limits)}
    except Busy:
        raise
    except ServiceError as refusal:
        return outcomes.refused(refusal)
    except Exception:
        log.exception("run %s failed for a reason that is ours", call.execution_id)
        db.session.rollback()
        return outcomes.ended_early("ENGINE_CRASHED", "The workbench itself failed to run this.", "failed")


def conclude(call: calls.Call, values: dict[str, Any]) -> None:
    """The last move of a run, unless somebody else was given it meanwhile."""
    values = deliveries.settle(call.execution_id, values)
    if claims.finish(call.execution_id, values):
        deliveries.conclude(call.execution_id, values)
        _note_last_run(call.script_id, values["status"])
        announce(call.script_id, call.script_name, call.execution_id, values)
    db.session.commit()


def _note_last_run(script_id: UUID, status: str) -> None:
    """For lists. A busy script's row is not written for every run, or its runs would wait for one another there."""
    now = utcnow()
    stale = or_(Script.last_run_at.is_(None), Script.last_run_at < now - NOTED_EVERY, Script.last_status != status)
    db.session.execute(
        update(Script).where(Script.id == script_id, stale)
        .values(last_run_at=now, last_status=status, updated_at=Script.updated_at)
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def announce(script_id: UUID, script_name: str, execution_id: UUID, values: dict[str, Any]) -> None:
    kinds = {"succeeded": "succeeded", "failed": "failed", "timed_out": "timed_out"}
    if kind := kinds.get(values["status"]):
        happenings.announce(f"dastgoh.execution.{kind}", {
            "id": str(execution_id), "script": {"id": str(script_id), "name": script_name},
            "error": {"code": values["error_code"], "message": values["error_message"]} if values["error_code"] else None,
        })  # fmt: skip


def perform_here(execution_id: UUID) -> None:
    perform(execution_id, on_busy=_wait_here)


def _wait_here(call: calls.Call, busy: Busy) -> None:
    """It keeps its place in this process's queue, for as long as a free engine would be waited for."""
    waited = (utcnow() - call.created_at).total_seconds()
    if waited * 1000 > settings().script_acquire_timeout_ms:
        conclude(call, outcomes.refused(busy))
        return
    claims.give_back(call.execution_id, utcnow() + timedelta(seconds=settings().run_lease_s))
    db.session.commit()
    hands().wait(call.tenant_id, call.execution_id, perform_here)


def later(call: calls.Call, _busy: Busy) -> None:
    """Back to the queue without a burnt attempt; the sweep hands it over again."""
    claims.give_back(call.execution_id, utcnow() + timedelta(seconds=1))
    db.session.commit()


def refuse(call: calls.Call, busy: Busy) -> None:
    conclude(call, outcomes.refused(busy))
