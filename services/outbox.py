"""The outbox: runs that were committed and still have to be handed to the workers. The relay's side of the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from models.base import db, utcnow
from models.database import reading
from models.event import OutboxEntry
from models.execution import Execution
from models.tenancy import as_system
from services.queue import HandedOver

# A relay that dies between claiming and handing over delays its claims by this.
CLAIM_S = 10

Claimed = tuple[UUID, HandedOver]  # the entry, and what to hand over


def waiting_tenants() -> list[UUID]:
    """Those with entries to hand over; who has waited longest comes first."""
    with as_system(db.session), reading():
        rows = db.session.execute(
            select(OutboxEntry.tenant_id).where(_is_free()).group_by(OutboxEntry.tenant_id).order_by(func.min(OutboxEntry.created_at))
        ).all()  # fmt: skip
        db.session.commit()
    return [tenant_id for (tenant_id,) in rows]


def still_queued(execution_ids: Collection[UUID]) -> set[UUID]:
    with as_system(db.session), reading():
        rows = db.session.scalars(
            select(Execution.id).where(Execution.id.in_(execution_ids), Execution.status == "queued")
        ).all()
        db.session.commit()
    return set(rows)


def claim(rooms: Mapping[UUID, int]) -> list[Claimed]:
    """The oldest entries of each tenant, as many as it has room for. Another relay's claims are left alone."""
    now = utcnow()
    with as_system(db.session):
        oldest = [entry_id for tenant_id, room in rooms.items() for entry_id in _oldest(tenant_id, room)]
        ours = db.session.scalars(
            update(OutboxEntry).where(OutboxEntry.id.in_(oldest), _is_free())
            .values(claimed_until=now + timedelta(seconds=CLAIM_S)).returning(OutboxEntry.id)
            .execution_options(synchronize_session=False)
        ).all()  # fmt: skip
        rows = db.session.execute(
            select(OutboxEntry.id, Execution.tenant_id, Execution.script_id, Execution.id)
            .join(Execution, Execution.id == OutboxEntry.execution_id)
            .where(OutboxEntry.id.in_(ours)).order_by(OutboxEntry.id)
        ).all()  # fmt: skip
        db.session.commit()
    return [(entry_id, (tenant_id, script_id, run_id)) for entry_id, tenant_id, script_id, run_id in rows]


def forget(entry_ids: Sequence[UUID]) -> None:
    """They are in the workers' queue now; should they get lost there, the sweep finds the runs."""
    with as_system(db.session):
        db.session.execute(
            delete(OutboxEntry).where(OutboxEntry.id.in_(entry_ids)).execution_options(synchronize_session=False)
        )
        db.session.commit()


def release(entry_ids: Sequence[UUID]) -> None:
    """They could not be handed over; any relay may try again."""
    with as_system(db.session):
        db.session.execute(
            update(OutboxEntry).where(OutboxEntry.id.in_(entry_ids)).values(claimed_until=None)
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        db.session.commit()


def put_back(runs: Collection[HandedOver]) -> None:
    """A worker that stops gives back what it did not begin, so that another need not wait for the sweep."""
    with as_system(db.session):
        wanted = select(Execution.tenant_id, Execution.id).where(
            Execution.id.in_([run_id for _, _, run_id in runs]), Execution.status == "queued"
        )
        for tenant_id, run_id in db.session.execute(wanted).all():
            db.session.add(OutboxEntry(tenant_id=tenant_id, execution_id=run_id))
        db.session.commit()


def _oldest(tenant_id: UUID, room: int) -> Sequence[UUID]:
    query = select(OutboxEntry.id).where(OutboxEntry.tenant_id == tenant_id, _is_free())
    return db.session.scalars(query.order_by(OutboxEntry.id).limit(room)).all()


def _is_free() -> ColumnElement[bool]:
    column: InstrumentedAttribute = OutboxEntry.claimed_until
    return or_(column.is_(None), and_(column < utcnow()))
