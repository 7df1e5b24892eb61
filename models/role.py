from uuid import UUID

from sqlalchemy import Select, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Timestamped
from models.tenancy import TenantOwned
from models.tenant import owner_fk

PERMISSIONS = (
    "scripts.read", "scripts.create", "scripts.update", "scripts.delete", "scripts.execute",
    "executions.read", "executions.cancel",
    "triggers.manage", "dead_letters.manage", "secrets.manage", "users.manage", "audit.read", "tenants.manage",
)  # fmt: skip
# Only a superadmin holds it: no role of a tenant can grant power over other tenants.
OPERATOR_PERMISSIONS = frozenset({"tenants.manage"})
TENANT_PERMISSIONS = tuple(p for p in PERMISSIONS if p not in OPERATOR_PERMISSIONS)

_DEVELOPER = tuple(
    p for p in TENANT_PERMISSIONS if p.split(".")[0] in ("scripts", "executions", "triggers", "dead_letters")
)
BUILTIN_ROLES: dict[str, tuple[str, ...]] = {
    "admin": TENANT_PERMISSIONS,
    "developer": _DEVELOPER,
    "viewer": ("scripts.read", "executions.read"),
}


class Role(TenantOwned, Identified, Timestamped, Base):
    __tablename__ = "roles"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name_key"),
        UniqueConstraint("tenant_id", "id"),
        owner_fk(),
    )

    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(100))  # casefolded: "Кассир" and "кассир" are one role
    is_builtin: Mapped[bool] = mapped_column(default=False)
    permissions: Mapped[list[str]] = mapped_column(default=list)

    @staticmethod
    def listed() -> Select["Role"]:
        return select(Role).order_by(Role.is_builtin.desc(), Role.created_at, Role.id)

    @staticmethod
    def named(name: str) -> Select["Role"]:
        return select(Role).where(Role.name_key == name.strip().casefold())

    @staticmethod
    def builtin(tenant_id: UUID, key: str) -> "Role":
        return Role(tenant_id=tenant_id, name=key, name_key=key, is_builtin=True, permissions=list(BUILTIN_ROLES[key]))
