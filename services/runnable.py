"""A script as starting it needs it: one row of Core, with whose it is, and without its code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, select

from models.base import db
from models.script import Script
from models.tenancy import system_reading
from models.tenant import Tenant

SCRIPTS, TENANTS = cast(Table, Script.__table__), cast(Table, Tenant.__table__)
# What a statement selects whose rows `of` reads.
COLUMNS = (
    SCRIPTS.c.id.label("script_id"), SCRIPTS.c.tenant_id, SCRIPTS.c.name.label("script_name"), SCRIPTS.c.version,
    SCRIPTS.c.limits, SCRIPTS.c.parameters, TENANTS.c.slug.label("tenant_slug"), TENANTS.c.name.label("tenant_name"),
    TENANTS.c.limits.label("tenant_limits"),
)  # fmt: skip
_ALIVE = select(*COLUMNS).join(TENANTS, TENANTS.c.id == SCRIPTS.c.tenant_id).where(SCRIPTS.c.deleted_at.is_(None))
_BY_NAME = _ALIVE.where(SCRIPTS.c.tenant_id == bindparam("tenant"), SCRIPTS.c.name_key == bindparam("key"))


@dataclass(frozen=True, slots=True)
class Runnable:
    id: UUID
    tenant_id: UUID
    tenant_slug: str
    tenant_name: str
    tenant_limits: Mapping[str, Any]
    name: str
    version: int
    limits: Mapping[str, Any]
    parameters: list[dict[str, Any]]


def by_name(tenant_id: UUID, name_key: str) -> Runnable | None:
    """Enabled or not: whoever may execute may run it."""
    with system_reading(db.engine) as connection:
        row = connection.execute(_BY_NAME, {"tenant": tenant_id, "key": name_key}).first()
    return of(row) if row else None


def of(row: Any) -> Runnable:
    return Runnable(
        row.script_id, row.tenant_id, row.tenant_slug, row.tenant_name, row.tenant_limits, row.script_name, row.version,
        row.limits, list(row.parameters or []),
    )  # fmt: skip
