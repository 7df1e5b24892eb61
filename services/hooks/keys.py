"""`Idempotency-Key`: the same request again has the same answer, and the script does not run again."""

import hashlib
from dataclasses import replace
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import undefer

from models.base import db
from models.execution import Execution
from models.kv_entry import KvEntry
from services import idempotency
from services.errors import Conflict, Invalid
from services.hooks import answers
from services.hooks.finding import Found
from services.hooks.wire import Arrival, Refusal, Reply, not_found
from services.idempotency import Answer, Claim
from services.identity import Principal

HEADER = "idempotency-key"
REPEATED = {"Idempotency-Replayed": "true"}
# They ask, and change nothing.
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def recognize(found: Found, arrival: Arrival, body: bytes, caller: Principal | None) -> Claim | Reply | None:
    """Keys belong to whoever sends them: two callers who choose the same one do not meet."""
    key = arrival.headers.get(HEADER)
    if key is None or arrival.method in _SAFE_METHODS:
        return None
    space = f"endpoint:{found.endpoint_id}:{caller.id if caller else ''}"
    asked = f"{arrival.method} {arrival.path}?{arrival.query}\n".encode()
    try:
        known = idempotency.begin(space, key, hashlib.sha256(asked + body).hexdigest())
    except Invalid as error:
        raise Refusal(422, "INVALID_INPUT", str(error)) from None
    except Conflict as error:
        raise Refusal(409, "CONFLICT", str(error), headers={"Retry-After": "1"}) from None
    return _as_before(known) if isinstance(known, Answer) else known


def answered(found: Found, arrival: Arrival, body: bytes, caller: Principal | None) -> Reply | None:
    """What the first request with this key came to, if there was one; nothing is claimed."""
    known = recognize(found, arrival, body, caller)
    if isinstance(known, Claim):
        db.session.rollback()
    return known if isinstance(known, Reply) else None


def keep(claim: Claim | None, status: int, execution_id: UUID) -> None:
    """The run has the answer; the key only leads to it."""
    if claim:
        idempotency.finish(claim, Answer(status, {}, str(execution_id)))


def drop(claim: Claim | None) -> None:
    """Nothing ran: the key is as good as new."""
    if claim:
        ours = KvEntry.space == claim.space, KvEntry.key == claim.key, KvEntry.holder == claim.holder
        db.session.execute(delete(KvEntry).where(*ours))
        db.session.commit()


def _as_before(kept: Answer) -> Reply:
    execution_id = UUID(kept.body)
    if kept.status == 202:
        return _repeated(answers.accepted(execution_id))
    loaded = [undefer(Execution.output), undefer(Execution.error)]
    run = db.session.scalar(select(Execution).where(Execution.id == execution_id).options(*loaded))
    db.session.commit()
    if run is None:
        raise not_found()
    try:
        return _repeated(answers.of(run))
    except Refusal as refusal:
        refusal.headers.update(REPEATED)
        raise


def _repeated(reply: Reply) -> Reply:
    return replace(reply, headers={**reply.headers, **REPEATED})
