"""What a tenant may use of an installation: its operators set it, its admins see it."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from models.base import db
from models.tenancy import as_system
from models.tenant import Tenant
from services import audit, tenants
from services.errors import Invalid
from services.granted.buckets import LOG_LINES_PER_MINUTE, PER_MINUTE
from services.identity import Principal, TenantRef, require
from services.limits import RUNS_PER_MINUTE, TENANT_CONCURRENCY, Bound

LIMITS = {
    "runs_per_minute": Bound(1, 1_000_000, RUNS_PER_MINUTE),
    "concurrency": Bound(1, 100, TENANT_CONCURRENCY),
    **{f"{api}_per_minute": Bound(1, 100_000, calls) for api, calls in PER_MINUTE.items()},
    "log_per_minute": Bound(1, 100_000, LOG_LINES_PER_MINUTE),
}


def own(actor: Principal) -> dict[str, int]:
    """Those of the tenant somebody acts in, whoever chose them."""
    require(actor, "users.manage")
    limits = tenants.own(actor).limits
    return {name: limits.get(name, bound.default) for name, bound in LIMITS.items()}


def set(actor: Principal, tenant_id: UUID, wanted: Mapping[str, int | None]) -> Tenant:
    """They count from the next run on. None: as usual."""
    tenants.get(actor, tenant_id)
    for name, value in wanted.items():
        if value is not None and not LIMITS[name].low <= value <= LIMITS[name].high:
            raise Invalid(
                "Give a whole number from %(low)s to %(high)s, or leave it empty.",
                field=name, low=LIMITS[name].low, high=LIMITS[name].high,
            )  # fmt: skip
    with as_system(db.session):
        tenant = db.session.get_one(Tenant, tenant_id)
        before = tenant.limits
        tenant.limits = {name: value for name, value in {**before, **wanted}.items() if value is not None}
        audit.record(replace(actor, tenant=TenantRef.of(tenant)), "tenant.updated", tenants.target(tenant),
                     before={"limits": before}, after={"limits": tenant.limits})  # fmt: skip
        db.session.commit()
    return tenant
