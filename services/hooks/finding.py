"""Which endpoint answers an address: one statement, whatever stands below the tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, select

from models.base import db
from models.endpoint import Endpoint, EndpointRoute
from models.tenancy import system_reading
from services import endpoint_paths, runnable
from services.runnable import SCRIPTS, TENANTS, Runnable

ROUTES, ENDPOINTS = (cast(Table, model.__table__) for model in (EndpointRoute, Endpoint))
# Made once, and of Core: this is asked for every request.
_CANDIDATES = (
    select(
        *runnable.COLUMNS, ROUTES.c.method, ROUTES.c.shape, ENDPOINTS.c.id.label("endpoint_id"), ENDPOINTS.c.path,
        ENDPOINTS.c.auth, ENDPOINTS.c.mode, ENDPOINTS.c.options,
    )
    .join(SCRIPTS, SCRIPTS.c.tenant_id == TENANTS.c.id)
    .join(ENDPOINTS, ENDPOINTS.c.script_id == SCRIPTS.c.id)
    .join(ROUTES, ROUTES.c.endpoint_id == ENDPOINTS.c.id)
    .where(
        TENANTS.c.slug == bindparam("tenant"), TENANTS.c.is_active, ROUTES.c.tenant_id == TENANTS.c.id,
        ROUTES.c.shape.in_(bindparam("shapes", expanding=True)),
        ENDPOINTS.c.enabled, SCRIPTS.c.enabled, SCRIPTS.c.deleted_at.is_(None),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    tenant_id: UUID
    endpoint_id: UUID
    auth: str
    mode: str
    options: dict[str, Any]
    params: dict[str, str]
    script: Runnable


@dataclass(frozen=True, slots=True)
class Place:
    """What answers at an address, by method."""

    by_method: dict[str, Found]

    def answering(self, method: str) -> Found | None:
        """HEAD is answered by whoever answers GET, unless somebody answers HEAD itself."""
        return self.by_method.get(method) or (self.by_method.get("GET") if method == "HEAD" else None)

    @property
    def allow(self) -> str:
        implied = {"HEAD"} if "GET" in self.by_method else set()
        return ", ".join(sorted({*self.by_method, *implied, "OPTIONS"}))


def find(tenant: str, path: str) -> Place | None:
    """Of several paths that fit, the one that is literal further to the left answers."""
    segments = endpoint_paths.decoded(path)
    shapes = endpoint_paths.shapes(segments) if segments else []
    if not segments or not shapes or len(tenant) > 63:
        return None
    with system_reading(db.engine) as connection:
        rows = connection.execute(_CANDIDATES, {"tenant": tenant, "shapes": shapes}).all()
    by_method: dict[str, Found] = {}
    for row in sorted(rows, key=lambda row: shapes.index(row.shape)):
        by_method.setdefault(row.method, _found(row, segments))
    return Place(by_method) if by_method else None


def _found(row: Any, segments: Sequence[str]) -> Found:
    return Found(
        row.tenant_id, row.endpoint_id, row.auth, row.mode, dict(row.options),
        endpoint_paths.values(row.path, segments), runnable.of(row),
    )  # fmt: skip
