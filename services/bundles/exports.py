"""Which scripts go out."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import undefer

from models.base import db
from models.script import Script
from services import scripts
from services.bundles.documents import AT_ONCE
from services.identity import Principal, require


def one(actor: Principal, script_id: UUID) -> list[Script]:
    return [scripts.get(actor, script_id)]


def everything(actor: Principal) -> Iterator[Script]:
    """All the tenant has, by name."""
    require(actor, "scripts.read")
    ids = db.session.scalars(select(Script.id).where(Script.deleted_at.is_(None)).order_by(Script.name_key)).all()
    for start in range(0, len(ids), AT_ONCE):
        yield from _loaded(ids[start : start + AT_ONCE])


def _loaded(ids: Sequence[UUID]) -> list[Script]:
    found = db.session.scalars(select(Script).where(Script.id.in_(ids)).options(undefer(Script.source)))
    return sorted(found, key=lambda script: ids.index(script.id))
