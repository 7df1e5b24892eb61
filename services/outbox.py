"""The outbox: runs that were committed and still have to be handed to the workers. The relay's side of the database.

Asked some thirty times a second, so in prepared statements of Core, for all tenants at once (`as_system`).
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, or_, select, update

from models.base import UtcDateTime, db, utcnow
from models.event import OutboxEntry
from models.execution import Execution
from models.ids import uuid7
from models.tenancy import system_reading, system_transaction
from services.queue import HandedOver

# A relay that dies between claiming and handing over delays its claims by this.
CLAIM_S = 10

ENTRIES, RUNS = cast(Table, OutboxEntry.__table__), cast(Table, Execution.__table__)
_FREE = or_(ENTRIES.c.claimed_until.is_(None), ENTRIES.c.claimed_until < bindparam("now", type_=UtcDateTime()))
_OURS = ENTRIES.c.id.in_(bindparam("entries", expanding=True))

_TENANTS = (
    select(ENTRIES.c.tenant_id).where(_FREE).group_by(ENTRIES.c.tenant_id).order_by(func.min(ENTRIES.c.created_at))
)
_QUEUED = select(RUNS.c.tenant_id, RUNS.c.id).where(
    RUNS.c.id.in_(bindparam("runs", expanding=True)), RUNS.c.status == "queued"
)
_OLDEST = (
    select(ENTRIES.c.id).where(ENTRIES.c.tenant_id == bindparam("tenant"), _FREE)
    .order_by(ENTRIES.c.id).limit(bindparam("room"))
)  # fmt: skip
_BEHIND = (
    select(ENTRIES.c.id).join(RUNS, RUNS.c.id == ENTRIES.c.execution_id)
    .where(ENTRIES.c.tenant_id == bindparam("tenant"), _FREE, RUNS.c.script_id.not_in(bindparam("scripts", expanding=True)))
    .order_by(ENTRIES.c.id).limit(bindparam("most"))
)  # fmt: skip
_CLAIM = update(ENTRIES).where(_OURS, _FREE).values(claimed_until=bindparam("until")).returning(ENTRIES.c.id)
_CLAIMED = (
    select(ENTRIES.c.id, RUNS.c.tenant_id, RUNS.c.script_id, RUNS.c.id)
    .join(RUNS, RUNS.c.id == ENTRIES.c.execution_id).where(_OURS).order_by(ENTRIES.c.id)
)  # fmt: skip
_FORGET = delete(ENTRIES).where(_OURS)
_RELEASE = update(ENTRIES).where(_OURS).values(claimed_until=None)

Claimed = tuple[UUID, HandedOver]  # the entry, and what to hand over


def waiting_tenants() -> list[UUID]:
    """Those with entries to hand over; who has waited longest comes first."""
    with system_reading(db.engine) as connection:
        return [tenant_id for (tenant_id,) in connection.execute(_TENANTS, {"now": utcnow()})]


def still_queued(execution_ids: Collection[UUID]) -> set[UUID]:
    with system_reading(db.engine) as connection:
        return {run_id for _, run_id in connection.execute(_QUEUED, {"runs": list(execution_ids)})}


def behind(tenant_id: UUID, scripts: Collection[UUID], most: int) -> list[UUID]:
    """The tenant's oldest entries of other scripts than these."""
    asked = {"tenant": tenant_id, "scripts": list(scripts), "now": utcnow(), "most": most}
    with system_reading(db.engine) as connection:
        return [entry_id for (entry_id,) in connection.execute(_BEHIND, asked)]


def claim(rooms: Mapping[UUID, int], besides: Sequence[UUID] = ()) -> list[Claimed]:
    """The oldest entries of each tenant, as many as it has room for, and these. Another relay's claims are left alone."""
    now = utcnow()
    with _transaction() as connection:
        oldest = [
            entry_id
            for tenant_id, room in rooms.items()
            for (entry_id,) in connection.execute(_OLDEST, {"tenant": tenant_id, "room": room, "now": now})
        ]
        until = now + timedelta(seconds=CLAIM_S)
        wanted = [*oldest, *besides]
        ours = [entry_id for (entry_id,) in connection.execute(_CLAIM, {"entries": wanted, "now": now, "until": until})]
        rows = connection.execute(_CLAIMED, {"entries": ours}).all()
    return [(entry_id, (tenant_id, script_id, run_id)) for entry_id, tenant_id, script_id, run_id in rows]


def forget(entry_ids: Sequence[UUID]) -> None:
    """They are in the workers' queue now; should they get lost there, the sweep finds the runs."""
    with _transaction() as connection:
        connection.execute(_FORGET, {"entries": list(entry_ids)})


def release(entry_ids: Sequence[UUID]) -> None:
    """They could not be handed over; any relay may try again."""
    with _transaction() as connection:
        connection.execute(_RELEASE, {"entries": list(entry_ids)})


def put_back(runs: Collection[HandedOver]) -> None:
    """A worker that stops gives back what it did not begin, so that another need not wait for the sweep."""
    with _transaction() as connection:
        queued = connection.execute(_QUEUED, {"runs": [run_id for _, _, run_id in runs]}).all()
        entries = [{"id": uuid7(), "tenant_id": tenant_id, "execution_id": run_id} for tenant_id, run_id in queued]
        if entries:
            connection.execute(insert(ENTRIES), entries)


def _transaction() -> AbstractContextManager[Connection]:
    return system_transaction(db.engine)
