"""Who performs a run: the moves of a row between queued, running and finished, each one UPDATE that says from where.

A holder's name and a lease make them safe: whoever lost the row, because its lease ran out, can no longer write to it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Update, select, update

from models.base import db, utcnow
from models.execution import Execution
from models.tenancy import as_system
from services.holders import holder


def claim(execution_id: UUID, lease_s: int) -> UUID | None:
    """The tenant of the run that is now ours to perform; None when somebody else has it, or nobody should."""
    now = utcnow()
    with as_system(db.session):
        tenant_id = db.session.scalar(
            _moved(update(Execution).where(Execution.id == execution_id, Execution.status == "queued"))
            .values(status="running", leased_by=holder(), started_at=now, due_at=now + timedelta(seconds=lease_s))
            .returning(Execution.tenant_id)
        )
        db.session.commit()
    return tenant_id


def give_back(execution_id: UUID, due_at: datetime) -> bool:
    """Queued again, with nothing lost: its turn had not come."""
    return _ours(execution_id, {"status": "queued", "leased_by": "", "started_at": None, "due_at": due_at})


def finish(execution_id: UUID, values: Mapping[str, Any]) -> bool:
    """False when the row is no longer ours: then it has been finished, or given to another, without us."""
    return _ours(execution_id, {"leased_by": "", "due_at": None, **values})


def renew(execution_ids: Collection[UUID], lease_s: int) -> set[UUID]:
    """Another lease for all we are performing. Answers which of them should stop: people want it, or they are ours no more,
    for this process slept past its lease."""
    with as_system(db.session):
        kept = db.session.scalars(
            _moved(update(Execution).where(Execution.id.in_(execution_ids), Execution.leased_by == holder()))
            .where(Execution.status == "running")
            .values(due_at=utcnow() + timedelta(seconds=lease_s))
            .returning(Execution.id)
        ).all()  # fmt: skip
        db.session.commit()
    return unwanted(execution_ids) | (set(execution_ids) - set(kept))


def unwanted(execution_ids: Collection[UUID]) -> set[UUID]:
    with as_system(db.session):
        wanted_stopped = db.session.scalars(
            select(Execution.id).where(Execution.id.in_(execution_ids), Execution.cancel_requested)
        ).all()
        db.session.commit()
    return set(wanted_stopped)


def overdue(status: str, limit: int) -> list[tuple[UUID, UUID]]:
    """(tenant, run) of those nobody picked up in time, or whose process has been silent too long."""
    rows = db.session.execute(
        select(Execution.tenant_id, Execution.id)
        .where(Execution.status == status, Execution.due_at < utcnow())
        .order_by(Execution.due_at).limit(limit)
    ).all()  # fmt: skip
    return [(tenant_id, execution_id) for tenant_id, execution_id in rows]


def finish_lost(execution_id: UUID, values: Mapping[str, Any]) -> bool:
    """Only while it is still running and still overdue: its process may have come back."""
    return _changed(
        update(Execution)
        .where(Execution.id == execution_id, Execution.status == "running", Execution.due_at < utcnow())
        .values(**{"leased_by": "", "due_at": None, **values})
    )


def withdraw(execution_id: UUID, values: Mapping[str, Any]) -> bool:
    """A queued run that nobody wants any more."""
    return _changed(
        update(Execution)
        .where(Execution.id == execution_id, Execution.status == "queued")
        .values(leased_by="", due_at=None, **values)
    )


def flag_unwanted(execution_id: UUID) -> bool:
    """Whoever performs it, or is about to, will see; False when it has finished by itself meanwhile."""
    return _changed(
        update(Execution)
        .where(Execution.id == execution_id, Execution.status.in_(("queued", "running")))
        .values(cancel_requested=True)
    )


def _ours(execution_id: UUID, values: Mapping[str, Any]) -> bool:
    return _changed(
        update(Execution)
        .where(Execution.id == execution_id, Execution.status == "running", Execution.leased_by == holder())
        .values(**values)
    )


def _changed(statement: Update) -> bool:
    return bool(db.session.execute(_moved(statement)).rowcount)  # type: ignore[attr-defined]


def _moved(statement: Update) -> Update:
    return statement.execution_options(synchronize_session=False)
