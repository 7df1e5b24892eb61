"""Which tenants keep the installation busy: for whoever runs it, who has a terminal and no business on tenants' own pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select

from models.base import db, utcnow
from models.execution import FINISHED, Execution
from models.tenancy import as_system
from models.tenant import Tenant


@dataclass(frozen=True)
class Load:
    slug: str
    waiting: int
    running: int
    ended: int
    failed: int
    run_s: float
    cpu_s: float


def busiest(minutes: int, most: int = 10) -> list[Load]:
    """Whose runs of the last minutes used most time, or wait in greatest number."""
    since = utcnow() - timedelta(minutes=minutes)
    with as_system(db.session):
        tenants = db.session.execute(select(Tenant.id, Tenant.slug)).all()
        loads = [_load(tenant_id, slug, since) for tenant_id, slug in tenants]
        db.session.rollback()
    active = [load for load in loads if load.waiting or load.running or load.ended]
    return sorted(active, key=lambda load: (load.run_s, load.waiting), reverse=True)[:most]


def _load(tenant_id: UUID, slug: str, since: datetime) -> Load:
    """Of one tenant at a time: its own index answers, however long the history of all grows."""
    recent = Execution.created_at >= since
    row = db.session.execute(
        select(
            _count(Execution.status == "queued"),
            _count(Execution.status == "running"),
            _count(and_(Execution.status.in_(FINISHED), recent)),
            _count(and_(Execution.error_code.is_not(None), recent)),
            func.sum(Execution.run_ms).filter(recent),
            func.sum(Execution.cpu_ms).filter(recent),
        ).where(Execution.tenant_id == tenant_id, or_(recent, Execution.status.in_(("queued", "running"))))
    ).one()
    waiting, running, ended, failed, run_ms, cpu_ms = row
    return Load(slug, waiting, running, ended, failed, float(run_ms or 0) / 1000, float(cpu_ms or 0) / 1000)


def _count(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(Execution.id).filter(which)
