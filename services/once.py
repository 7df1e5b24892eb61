"""What `sdk.once` did: one row a key and script, held by one run at a time, then keeping the result.

A holder has a lease that outlives its run. A run that ends gives back what it holds; one whose process died loses it
when the lease is over. Every change is a compare-and-set on the holder, so two runs never both believe they hold a key.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Update, delete, select, update
from sqlalchemy.exc import IntegrityError

from models.base import db, utcnow
from models.kv_entry import KvEntry
from models.tenancy import as_system
from services.errors import Conflict, Invalid
from services.granted.facts import RunFacts
from services.stored import storable

KEPT = timedelta(days=30)
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Done:
    value: Any


@dataclass(frozen=True, slots=True)
class Held:
    """The caller is to run its function now."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Another run is at it."""


def begin(facts: RunFacts, key: str, holder: str, lease_ends: datetime) -> Done | Held | Busy:
    space, now = _space(facts), utcnow()
    entry = db.session.scalar(select(KvEntry).where(KvEntry.space == space, KvEntry.key == key))
    if entry is None:
        return _add(KvEntry(space=space, key=key, holder=holder, expires_at=lease_ends))
    if entry.expires_at is not None and entry.expires_at <= now:
        return _take_over(entry, holder, lease_ends)
    db.session.rollback()
    return Busy() if entry.holder else Done(entry.value)


def finish(facts: RunFacts, key: str, holder: str, value: Any) -> None:
    if len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")) > MOST_BYTES:
        raise Invalid("sdk.once keeps a result of at most %(most)s bytes.", most=MOST_BYTES)
    kept = update(KvEntry).where(*_held(facts, key, holder))
    if not _changed(kept.values(holder="", value=storable(value), expires_at=utcnow() + KEPT)):
        raise Conflict("sdk.once: another run holds this key by now.")


def release(facts: RunFacts, key: str, holder: str) -> None:
    """The key is free again, as if nobody had begun."""
    db.session.execute(delete(KvEntry).where(*_held(facts, key, holder)))
    db.session.commit()


def prune() -> None:
    """Results past their time and leases of runs that died."""
    with as_system(db.session):
        db.session.execute(delete(KvEntry).where(KvEntry.expires_at < utcnow() - timedelta(minutes=1)))
        db.session.commit()


def _add(entry: KvEntry) -> Held | Busy:
    db.session.add(entry)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return Busy()
    return Held()


def _take_over(entry: KvEntry, holder: str, lease_ends: datetime) -> Held | Busy:
    as_found = (KvEntry.id == entry.id, KvEntry.holder == entry.holder, KvEntry.expires_at == entry.expires_at)
    taken = update(KvEntry).where(*as_found).values(holder=holder, value=None, expires_at=lease_ends)
    return Held() if _changed(taken) else Busy()


def _changed(statement: Update) -> bool:
    """Whether the row was still as the statement expects it."""
    done = db.session.execute(statement, execution_options={"synchronize_session": False})
    db.session.commit()
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _held(facts: RunFacts, key: str, holder: str) -> tuple[Any, ...]:
    return KvEntry.space == _space(facts), KvEntry.key == key, KvEntry.holder == holder


def _space(facts: RunFacts) -> str:
    return f"once:{facts.script_id}"
