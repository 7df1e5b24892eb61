"""What no process looks after any more: lost runs are finished as lost, unclaimed ones handed over again."""

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from models.base import db, utcnow
from models.database import reading
from models.event import OutboxEntry
from models.execution import Execution
from models.script import Script
from models.tenancy import as_system, as_tenant
from services import claims, deliveries, meters, outcomes
from services.performing import announce
from services.policies.concurrency import free
from services.wiring import settings

log = logging.getLogger(__name__)

AT_ONCE = 200


def sweep() -> None:
    """Safe to repeat, and in any number of processes at once."""
    with as_system(db.session), reading():
        lost, unclaimed = claims.overdue("running", AT_ONCE), claims.overdue("queued", AT_ONCE)
        db.session.commit()
    for tenant_id, execution_id in lost:
        with as_tenant(db.session, tenant_id):
            _finish_lost(execution_id)
    for tenant_id, execution_id in unclaimed:
        with as_tenant(db.session, tenant_id):
            _hand_over_again(execution_id)


def _finish_lost(execution_id: UUID) -> None:
    values = outcomes.ended_early("LOST", "the process that ran the script disappeared", "failed")
    values = deliveries.settle(execution_id, values)
    if claims.finish_lost(execution_id, values):
        deliveries.conclude(execution_id, values)
        meters.count("script_execution_errors_total", code="LOST")
        log.warning("run %s was lost: its process has been silent for longer than its lease", execution_id)
        lost = db.session.get_one(Execution, execution_id)
        free([(lost.tenant_id, lost.script_id, lost.id)])  # or they would stay taken until their own lease ends
        script = db.session.get_one(Script, lost.script_id)
        announce(script.id, script.name, execution_id, values)
    db.session.commit()


def _hand_over_again(execution_id: UUID) -> None:
    waiting = db.session.scalar(
        select(Execution).where(Execution.id == execution_id, Execution.status == "queued").with_for_update()
    )
    in_outbox = db.session.scalar(select(OutboxEntry.id).where(OutboxEntry.execution_id == execution_id).limit(1))
    if waiting:
        waiting.due_at = utcnow() + timedelta(seconds=settings().run_lease_s)
        if in_outbox is None:
            db.session.add(OutboxEntry(execution_id=execution_id))
    db.session.commit()
