"""What no process looks after any more: lost runs are finished as lost, unclaimed ones handed over again, old ones removed."""

import logging
import time
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from models.base import db, utcnow
from models.database import reading
from models.event import OutboxEntry
from models.execution import FINISHED, Execution
from models.script import Script
from models.tenancy import as_system, as_tenant
from services import claims, deliveries, meters, outcomes, retention
from services.performing import announce
from services.policies.concurrency import free_lost
from services.wiring import settings

log = logging.getLogger(__name__)

AT_ONCE = 200
# Two looks are half a second apart; clocks that are kept in step move by less.
JUMP_S = 2.0


class Clock:
    """Notices when the clock is set, or the machine wakes up: every lease looks as if it were over then, until its holder
    has renewed it."""

    def __init__(self) -> None:
        self._looked_at: tuple[datetime, float] | None = None
        self._mistrusted_until = 0.0

    def is_trusted(self, lease_s: float) -> bool:
        now, ticks = utcnow(), time.monotonic()
        if self._looked_at:
            moved = (now - self._looked_at[0]).total_seconds() - (ticks - self._looked_at[1])
            if abs(moved) > JUMP_S:
                log.warning("the clock moved by %.0f s: nobody is called lost for a while", moved)
                self._mistrusted_until = ticks + lease_s / 2
        self._looked_at = now, ticks
        return ticks >= self._mistrusted_until


_clock = Clock()


def sweep() -> None:
    """Safe to repeat, and in any number of processes at once."""
    with as_system(db.session), reading():
        lost, unclaimed = claims.overdue("running", AT_ONCE), claims.overdue("queued", AT_ONCE)
        db.session.commit()
    for tenant_id, execution_id in lost if _clock.is_trusted(settings().run_lease_s) else ():
        with as_tenant(db.session, tenant_id):
            _finish_lost(execution_id)
    for tenant_id, execution_id in unclaimed:
        with as_tenant(db.session, tenant_id):
            _hand_over_again(execution_id)


def _finish_lost(execution_id: UUID) -> None:
    holder = db.session.scalar(select(Execution.leased_by).where(Execution.id == execution_id)) or ""
    values = outcomes.ended_early("LOST", "the process that ran the script disappeared", "failed")
    values = deliveries.settle(execution_id, values)
    if claims.finish_lost(execution_id, values):
        deliveries.conclude(execution_id, values)
        meters.count("script_execution_errors_total", code="LOST")
        log.warning("run %s was lost: its process has been silent for longer than its lease", execution_id)
        lost = db.session.get_one(Execution, execution_id)
        free_lost(
            lost.tenant_id, lost.script_id, lost.id, holder
        )  # or they would stay taken until their own lease ends
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


def prune() -> None:
    """Past each tenant's retention runs go, unless they go on. Dead letters, events and schedules stay, and do without."""
    retention.prune("runs", Execution.created_at, Execution.status.in_(FINISHED))
