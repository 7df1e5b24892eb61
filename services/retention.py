"""How many days a tenant keeps what happened, and the removing of what is older."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import QueryableAttribute

from models.base import db, utcnow
from models.tenancy import as_system
from models.tenant import Tenant

DAYS = {"runs": 90, "dead_letters": 30, "events": 90, "audit": 365}
# Whoever asks, the database itself refuses to delete audit entries younger than 30 days.
BOUNDS = {kind: (31 if kind == "audit" else 1, 3_650) for kind in DAYS}
AT_ONCE = 1_000


def prune(kind: str, moment: QueryableAttribute[datetime], *only: ColumnElement[bool]) -> None:
    """Rows whose moment is past their tenant's retention go."""
    with as_system(db.session):
        for tenant in db.session.scalars(select(Tenant)).all():
            days = tenant.retention.get(kind, DAYS[kind])
            remove(moment, days, moment.class_.tenant_id == tenant.id, *only)


def remove(moment: QueryableAttribute[datetime], days: int, *only: ColumnElement[bool]) -> None:
    """The oldest first, and in portions: on SQLite nobody else can write meanwhile."""
    row: Any = moment.class_
    old = select(row.id).where(moment < utcnow() - timedelta(days=days), *only).order_by(moment, row.id).limit(AT_ONCE)
    statement = delete(row).where(row.id.in_(old)).execution_options(synchronize_session=False)
    gone = AT_ONCE
    while gone == AT_ONCE:
        gone = db.session.execute(statement).rowcount  # type: ignore[attr-defined]
        db.session.commit()
