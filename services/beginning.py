"""Which of the runs that a worker took may begin: each needs a slot (policies/concurrency.py) and a share of its tenant's
minute (policies/quota.py). What has to wait is queued again, without a burnt attempt.

A run of the clock waits for the next minute and no longer: then its schedule's ledger says `quota`.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from models.base import db, utcnow
from models.tenancy import as_system, as_tenant
from services import claims, outcomes, stale_slots
from services.calls import Call
from services.performing import conclude
from services.policies import quota
from services.policies.concurrency import leave, take
from services.wiring import settings

MINUTE = "minute"


@dataclass(frozen=True)
class Beginning:
    now: list[Call] = field(default_factory=list)
    waiting: dict[UUID, str] = field(default_factory=dict)  # for whose slot, script or tenant; or for the next minute
    next_minute_in: float = 0.0


def of(begun: Sequence[Call]) -> Beginning:
    if not begun:
        return Beginning()
    full = {call.execution_id: whose for call, whose in zip(begun, take(begun), strict=True) if whose}
    for call in {call.script_id: call for call in begun if call.execution_id in full}.values():
        stale_slots.free(call)
    next_minute_in = quota.resets_in()  # before asking: if the minute turns just now, it is only asked again
    now, too_many = _within_the_minute([call for call in begun if call.execution_id not in full])
    if too_many:
        leave(too_many)
    late = [call for call in too_many if call.trigger == "cron" and quota.is_of_an_earlier_minute(call)]
    for call in late:
        _skip(call)
    skipped = {call.execution_id for call in late}
    waiting = full | {call.execution_id: MINUTE for call in too_many if call.execution_id not in skipped}
    if waiting:
        _queue_again(waiting)
    return Beginning(now, waiting, next_minute_in)


def _within_the_minute(calls: Sequence[Call]) -> tuple[list[Call], list[Call]]:
    by_tenant: dict[UUID, list[Call]] = defaultdict(list)
    for call in calls:
        by_tenant[call.tenant_id].append(call)
    now, too_many = [], []
    for tenant_id, its in by_tenant.items():
        room = quota.spend(tenant_id, its[0].tenant_limits, len(its))
        now += its[:room]
        too_many += its[room:]
    return now, too_many


def _skip(call: Call) -> None:
    with as_tenant(db.session, call.tenant_id):
        conclude(call, outcomes.refused(quota.turned_away(call.tenant_limits, call.trigger)))


def _queue_again(execution_ids: Collection[UUID]) -> None:
    with as_system(db.session):
        for execution_id in execution_ids:
            claims.give_back(execution_id, utcnow() + timedelta(seconds=settings().run_lease_s))
        db.session.commit()
