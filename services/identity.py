"""Who acts: a plain value, made once a request (or a run) from rows, then passed to every service."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from models.role import PERMISSIONS, TENANT_PERMISSIONS
from models.tenant import Tenant
from models.user import User
from services.errors import Forbidden


@dataclass(frozen=True, slots=True)
class TenantRef:
    id: UUID
    slug: str
    name: str
    timezone: str
    language: str | None = None

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantRef":
        return cls(tenant.id, tenant.slug, tenant.name, tenant.timezone, tenant.language)


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person or the owner of an API token. `tenant` is where they act now."""

    id: UUID
    email: str
    first_name: str = ""
    last_name: str = ""
    tenant: TenantRef | None = None
    permissions: frozenset[str] = frozenset()
    role_id: UUID | None = None
    role_name: str = ""
    is_superadmin: bool = False
    language: str | None = None
    theme: str = "system"
    timezone: str | None = None
    session_epoch: int = 0
    session_id: UUID | None = None  # of the browser's sign-in; programs have none
    token_id: UUID | None = None

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What cookies carry; services/sessions.py reads it back."""
        return f"{self.id}.{self.session_epoch}.{self.session_id}"

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    @property
    def initials(self) -> str:
        letters = [name[0] for name in (self.first_name, self.last_name) if name]
        return ("".join(letters) or self.email[:1]).upper()

    def may(self, permission: str) -> bool:
        return permission in self.permissions


def principal_of(user: User, tenant: Tenant | None, session_id: UUID | None = None) -> Principal:
    return Principal(
        id=user.id, email=user.email, first_name=user.first_name, last_name=user.last_name,
        tenant=TenantRef.of(tenant) if tenant else None,
        permissions=permissions_of(user.is_superadmin, user.role.permissions if user.role else ()),
        role_id=user.role_id, role_name=user.role.name if user.role else "superadmin", is_superadmin=user.is_superadmin,
        language=user.language, theme=user.theme, timezone=user.timezone, session_epoch=user.session_epoch,
        session_id=session_id,
    )  # fmt: skip


def permissions_of(is_superadmin: bool, of_role: Iterable[str]) -> frozenset[str]:
    """A role gives what a tenant's people may have, whatever is written in it."""
    return frozenset(PERMISSIONS) if is_superadmin else frozenset(of_role) & frozenset(TENANT_PERMISSIONS)


def require(actor: Principal, permission: str) -> None:
    """The one call by which a service asks whether its caller may."""
    if not actor.may(permission):
        raise Forbidden("You need the permission “%(permission)s” for this.", permission=permission)
