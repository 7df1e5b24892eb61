"""Versions: what a script was at each moment. Made by every change that matters, never changed, pruned by policy."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.execution import Execution
from models.script import Script
from models.script_version import ScriptVersion
from models.tenancy import as_system, as_tenant
from services import audit, triggers
from services.audit import Target
from services.diffs import lines_changed
from services.errors import Invalid, NotFound
from services.identity import Principal, require
from services.stored import as_text

MAX_VERSIONS, RETENTION_DAYS, KEEP_MILESTONES = 500, 0, True  # 0 days: age alone removes nothing
PAGE = 50
LARGEST = 2**31 - 1
RETENTION_BOUNDS = {"max_versions": (1, 10_000), "retention_days": (0, 3_650)}


def snapshot(
    actor: Principal | None, script: Script, note: str = "", restored_from: int | None = None
) -> ScriptVersion:
    """In the caller's transaction, when script and triggers stand as they will be: the next number, as they are now."""
    before = latest(script.id)
    added, removed = lines_changed(before.source if before else "", script.source)
    script.version = before.number + 1 if before else 1
    version = ScriptVersion(
        script_id=script.id, number=script.version, source=script.source, source_hash=hash_of(script.source),
        parameters=list(script.parameters), limits=dict(script.limits), triggers=triggers.facts(script.id),
        note=as_text(" ".join(note.split())[:500], "note"), restored_from=restored_from, lines_added=added, lines_removed=removed,
        created_by=actor.id if actor else None,
    )  # fmt: skip
    db.session.add(version)
    db.session.flush()
    _prune(script)
    return version


def hash_of(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def latest(script_id: UUID) -> ScriptVersion | None:
    return db.session.scalar(
        select(ScriptVersion).where(ScriptVersion.script_id == script_id).options(undefer(ScriptVersion.source))
        .order_by(ScriptVersion.number.desc()).limit(1)
    )  # fmt: skip


def listed(actor: Principal, script_id: UUID, before: int | None = None, limit: int = PAGE) -> list[ScriptVersion]:
    """Newest first, without their code; `before` continues after the last number seen."""
    require(actor, "scripts.read")
    query = select(ScriptVersion).where(ScriptVersion.script_id == script_id)
    if before is not None:
        query = query.where(ScriptVersion.number < before)
    return list(db.session.scalars(query.order_by(ScriptVersion.number.desc()).limit(limit)))


def get(actor: Principal, script_id: UUID, number: int) -> ScriptVersion:
    """With its code. Versions of a deleted script stay readable."""
    require(actor, "scripts.read")
    return find(script_id, number)


def find(script_id: UUID, number: int) -> ScriptVersion:
    query = select(ScriptVersion).where(ScriptVersion.script_id == script_id, ScriptVersion.number == number)
    # A number no column holds is an error to databases, and to us one more that is not there.
    version = db.session.scalar(query.options(undefer(ScriptVersion.source))) if 0 < number <= LARGEST else None
    if version is None:
        raise NotFound("There is no version %(number)s.", number=number)
    return version


def mark(actor: Principal, script_id: UUID, number: int, *, milestone: bool) -> ScriptVersion:
    """A milestone is never pruned."""
    require(actor, "scripts.update")
    version = get(actor, script_id, number)
    script = db.session.get_one(Script, script_id)
    audit.record(actor, "version.marked", Target("script", script_id, script.name),
                 before={"version": number, "milestone": version.is_milestone},
                 after={"version": number, "milestone": milestone})  # fmt: skip
    version.is_milestone = milestone
    db.session.commit()
    return version


@dataclass(frozen=True)
class Retention:
    max_versions: int = MAX_VERSIONS
    retention_days: int = RETENTION_DAYS
    keep_milestones: bool = KEEP_MILESTONES


def check_retention(given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = given.keys() - Retention.__dataclass_fields__.keys()
    if unknown:
        raise Invalid("There is no retention setting %(name)s.", field="retention", name=min(unknown))
    policy = Retention(**given)
    if not _whole(policy.max_versions, *RETENTION_BOUNDS["max_versions"]):
        raise Invalid("max_versions must be a whole number from 1 to 10000.", field="retention")
    if not _whole(policy.retention_days, *RETENTION_BOUNDS["retention_days"]):
        raise Invalid("retention_days must be a whole number from 0 to 3650.", field="retention")
    if not isinstance(policy.keep_milestones, bool):
        raise Invalid("keep_milestones must be true or false.", field="retention")
    return dict(given)


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _prune(script: Script) -> None:
    """What policy lets go, but never the current version or one that kept runs point to."""
    policy = Retention(**script.retention)
    keep_from = script.version - policy.max_versions + 1
    if keep_from <= 1 and not policy.retention_days:
        return
    too_many = ScriptVersion.number < keep_from
    doomed = too_many | (ScriptVersion.created_at < _oldest(policy)) if policy.retention_days else too_many
    used = exists().where(Execution.script_id == ScriptVersion.script_id,
                          Execution.version_number == ScriptVersion.number)  # fmt: skip
    query = delete(ScriptVersion).where(
        ScriptVersion.script_id == script.id, ScriptVersion.number < script.version, doomed, ~used
    )
    if policy.keep_milestones:
        query = query.where(~ScriptVersion.is_milestone)
    db.session.execute(query.execution_options(synchronize_session=False))


def prune() -> None:
    """By age, also where nobody saves any more."""
    with as_system(db.session):
        aging = [(s.tenant_id, s.id) for s in db.session.scalars(Script.alive()) if s.retention.get("retention_days")]
        db.session.commit()
    for tenant_id, script_id in aging:
        with as_tenant(db.session, tenant_id):
            _prune(db.session.get_one(Script, script_id))
            db.session.commit()


def _oldest(policy: Retention) -> datetime:
    return utcnow() - timedelta(days=policy.retention_days)
