"""Requests that may be sent twice and must be done once: a key, what was asked with it, and what was answered.

The key is written in the transaction of the deed itself, so there is never one without the other; the answer follows
when it is known. A process that dies between the two leaves a key without an answer: then nobody does it again either.
Rows past their time go with those of `sdk.once`.
"""

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.exc import IntegrityError

from models.base import db, utcnow
from models.kv_entry import KvEntry
from services.errors import Conflict, Invalid

KEPT = timedelta(hours=24)
MAX_KEY = 200


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Claim:
    """This request is the first with its key, and is to be done now."""

    space: str
    key: str
    fingerprint: str
    holder: str = field(default_factory=lambda: uuid4().hex)


def begin(space: str, key: str, fingerprint: str) -> Claim | Answer:
    """`space` is whose keys they are; `fingerprint` tells one request from another. Not committed: the deed does that."""
    if not 0 < len(key) <= MAX_KEY or not (key.isascii() and key.isprintable()):
        raise Invalid("An idempotency key has 1 to %(most)s visible characters.", field="Idempotency-Key", most=MAX_KEY)
    now = utcnow()
    found = db.session.scalar(select(KvEntry).where(KvEntry.space == space, KvEntry.key == key))
    if found is not None and found.expires_at is not None and found.expires_at > now:
        return _answer_of(found, fingerprint)
    claim = Claim(space, key, fingerprint)
    try:
        db.session.execute(delete(KvEntry).where(KvEntry.space == space, KvEntry.key == key, KvEntry.expires_at <= now))
        db.session.add(_row(claim))
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise _goes_on() from None
    return claim


def finish(claim: Claim, answer: Answer) -> None:
    """Keeps the answer to a deed. One that was refused before anything was written may be tried again."""
    db.session.rollback()  # what is not committed by now was not done
    kept = update(KvEntry).where(*_held(claim)).values(holder="", value=_value(claim, answer))
    done = db.session.execute(kept.execution_options(synchronize_session=False))
    if not done.rowcount and answer.status < 300:  # type: ignore[attr-defined]
        db.session.add(_row(claim, answer))
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()  # nothing was written here, and somebody else has come with the key meanwhile


def release(claim: Claim) -> None:
    """As if nobody had come: the sender was told to come again."""
    db.session.rollback()
    db.session.execute(delete(KvEntry).where(*_held(claim)))
    db.session.commit()


def _held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return KvEntry.space == claim.space, KvEntry.key == claim.key, KvEntry.holder == claim.holder


def _answer_of(entry: KvEntry, fingerprint: str) -> Answer:
    kept = entry.value or {}
    if kept.get("fingerprint") != fingerprint:
        raise Invalid("This idempotency key was used for another request.", field="Idempotency-Key")
    if entry.holder:
        raise _goes_on()
    return Answer(**kept["answer"])


def _goes_on() -> Conflict:
    return Conflict("A request with this idempotency key is still going on, or its answer was lost.")


def _row(claim: Claim, answer: Answer | None = None) -> KvEntry:
    return KvEntry(
        space=claim.space, key=claim.key, holder="" if answer else claim.holder, expires_at=utcnow() + KEPT,
        value=_value(claim, answer),
    )  # fmt: skip


def _value(claim: Claim, answer: Answer | None) -> dict[str, object]:
    return {"fingerprint": claim.fingerprint, "answer": asdict(answer) if answer else None}
