"""Runs that somebody waits for: an HTTP endpoint's, a program's that calls a script as it would a function.

Such a run is performed on its caller's own thread. Its row is written once as running and ours, and once as it ended; what
happens to it between is what happens to every run: lease and heartbeat, live lines, stops, policies, and the sweep if we die.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import logs
from models.base import db, utcnow
from models.database import writing
from models.ids import uuid7
from models.tenancy import as_tenant
from services import outcomes, performing, pinned, stale_slots
from services.batch import Ended
from services.calls import Call, Caller
from services.errors import Busy, NotFound
from services.hands import hands
from services.holders import holder
from services.identity import Principal
from services.ledger import Begun, ledger
from services.limits import effective
from services.places import Place, places
from services.policies import audit, quota
from services.policies.concurrency import most_at_once
from services.queueing import Wanted, columns, type_of
from services.runnable import Runnable
from services.turns import turns
from services.wiring import settings

# A crowd of quick runs takes turns; who would have to wait longer is told to come again.
LONGEST_WAIT_S = 5.0
LOOK_AGAIN_S = 0.05  # where other processes hold the slots


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended, as far as who waited for it needs to know; its row has the rest."""

    id: UUID
    status: str
    output: Any
    error: dict[str, Any] | None
    started_at: datetime
    finished_at: datetime

    @property
    def code(self) -> str:
        return str(self.error["code"]) if self.error else ""


def run(script: Runnable, wanted: Wanted, seconds: float) -> Ran:
    """Performed, recorded and ended when this returns, after `seconds` at the latest: then it was stopped (TIMEOUT).

    The session is bound to the script's tenant, with nothing unsaved: its transaction ends here. `wanted.input` and
    `.request` are JSON as `stored.as_json` passes it. Raises Busy, with nothing recorded, when no turn comes in time, and QuotaExceeded
    when the tenant has had its runs of this minute.
    """
    until = time.monotonic() + seconds
    with writing():
        call = _call(script, wanted, until)
        db.session.commit()
        with _turn(call, min(until, time.monotonic() + LONGEST_WAIT_S)), hands().steward.watching(call.execution_id):
            if not quota.spend(call.tenant_id, call.tenant_limits):
                raise quota.turned_away(call.tenant_limits, call.trigger)
            return _performed(call, _row(script, wanted, call))


def _performed(call: Call, row: dict[str, Any]) -> Ran:
    ledger().begin(Begun(row, audit.entry_of(call) if call.is_audited else None))
    try:
        values = performing.ended(call)
    except Busy as busy:
        values = outcomes.refused(busy)
    if values["status"] != "succeeded" or not ledger().end(Ended(call, values)):
        with as_tenant(db.session, call.tenant_id):
            performing.conclude(call, values)
    return Ran(
        call.execution_id, values["status"], values.get("output"), values["error"], row["started_at"],
        values["finished_at"],
    )  # fmt: skip


@contextmanager
def _turn(call: Call, until: float) -> Iterator[None]:
    """A turn among the requests of this process, then a place among the runs of all of them."""
    whose = call.tenant_id, call.script_id
    most = most_at_once(call)
    if full := turns().enter(*whose, *most, until - time.monotonic()):
        raise Busy(full)
    try:
        place = _place(call, until)
        try:
            yield
        finally:
            places().give(place, keep=turns().may_keep(*whose, *most))
    finally:
        turns().leave(*whose, most[1])


def _place(call: Call, until: float) -> Place:
    while isinstance(found := places().take(call), str):
        stale_slots.free(call)
        if time.monotonic() + LOOK_AGAIN_S > until:
            raise Busy(found)
        time.sleep(LOOK_AGAIN_S)
    return found


def _call(script: Runnable, wanted: Wanted, until: float) -> Call:
    number = wanted.version or script.version
    version = pinned.version(script.id, number)
    if version is None:
        raise NotFound("There is no version %(number)s.", number=number)
    caller = _caller(wanted.actor)
    return Call(
        execution_id=uuid7(), tenant_id=script.tenant_id, tenant_slug=script.tenant_slug, tenant_name=script.tenant_name,
        tenant_limits=script.tenant_limits, script_id=script.id, script_name=script.name, version=number,
        source=version.source, parameters=version.parameters, limits=effective(version.limits, settings()),
        trigger=wanted.trigger, type=type_of(wanted), triggered_by=wanted.triggered_by, attempt=1,
        chain_depth=wanted.chain_depth, created_at=utcnow(), input=wanted.input, caller=caller, request=wanted.request,
        request_id=logs.request_id.get(), deadline=until, is_admitted=True,
        is_audited=caller is not None and wanted.trigger in audit.BY_SOMEBODY,
    )  # fmt: skip


def _row(script: Runnable, wanted: Wanted, call: Call) -> dict[str, Any]:
    """What the row of that call says from its beginning."""
    now = utcnow()
    return columns(script, wanted, now + timedelta(seconds=settings().run_lease_s)) | {
        "id": call.execution_id, "tenant_id": call.tenant_id, "status": "running", "leased_by": holder(),
        "created_at": call.created_at, "started_at": now,
    }  # fmt: skip


def _caller(actor: Principal | None) -> Caller | None:
    """With the permissions they came with: a token's may be fewer than its owner's."""
    return Caller(actor.id, actor.email, actor.first_name, actor.last_name, actor.permissions) if actor else None
