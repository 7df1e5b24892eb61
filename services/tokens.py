"""API tokens: shown once, kept as a hash, never able to do more than their owner."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import joinedload

from models.api_token import ApiToken
from models.base import db, utcnow
from models.database import writing
from models.role import PERMISSIONS, Role
from models.tenancy import as_system, as_tenant, system_reading
from models.tenant import Tenant
from models.user import User
from services import accounts, audit, passwords
from services.audit import Target
from services.errors import Conflict, Invalid, NotFound
from services.identity import Principal, TenantRef, permissions_of
from services.wiring import settings

PREFIX = "dgh_"
# Writing "last used" on every call would make each API read a write; a minute's precision is what people look at.
_LAST_USED_PRECISION = timedelta(minutes=1)

_TOKENS, _USERS, _ROLES, _TENANTS = (cast(Table, model.__table__) for model in (ApiToken, User, Role, Tenant))
# Made once, and of Core: every call of a program asks this.
_OWNER = (
    select(
        _TOKENS.c.id.label("token_id"), _TOKENS.c.tenant_id, _TOKENS.c.permissions, _TOKENS.c.expires_at,
        _TOKENS.c.last_used_at, _USERS.c.id.label("user_id"), _USERS.c.tenant_id.label("users_tenant_id"), _USERS.c.email,
        _USERS.c.first_name, _USERS.c.last_name, _USERS.c.is_superadmin, _USERS.c.is_active, _USERS.c.is_demo,
        _USERS.c.language, _USERS.c.theme, _USERS.c.timezone, _USERS.c.session_epoch, _USERS.c.role_id,
        _ROLES.c.name.label("role_name"), _ROLES.c.permissions.label("role_permissions"), _TENANTS.c.slug,
        _TENANTS.c.name.label("tenant_name"), _TENANTS.c.timezone.label("tenant_timezone"),
        _TENANTS.c.language.label("tenant_language"), _TENANTS.c.is_active.label("tenant_is_active"),
    )
    .join(_USERS, _USERS.c.id == _TOKENS.c.user_id)
    .join(_TENANTS, _TENANTS.c.id == _TOKENS.c.tenant_id)
    .outerjoin(_ROLES, _ROLES.c.id == _USERS.c.role_id)
    .where(_TOKENS.c.token_hash == bindparam("hash"), _TOKENS.c.revoked_at.is_(None))
)  # fmt: skip


@dataclass(frozen=True)
class NewToken:
    token: ApiToken
    secret: str


def listed(actor: Principal) -> list[ApiToken]:
    """One's own; all of the tenant's for who manages users."""
    query = ApiToken.listed().options(joinedload(ApiToken.user))
    if not actor.may("users.manage"):
        query = query.where(ApiToken.user_id == actor.id)
    return list(db.session.scalars(query))


def create(actor: Principal, name: str, permissions: Iterable[str], expires_at: datetime | None = None) -> NewToken:
    name, wanted = " ".join(name.split()), frozenset(permissions)
    if actor.tenant is None:
        raise Conflict("Choose a tenant first: a token works in one tenant.")
    if not 1 <= len(name) <= 100:
        raise Invalid("A name has 1 to 100 characters.", field="name")
    if not wanted:
        raise Invalid("Choose at least one permission.", field="permissions")
    if not wanted <= actor.permissions:
        raise Invalid("A token cannot do more than you.", field="permissions")
    if expires_at is not None and expires_at <= utcnow():
        raise Invalid("This moment has passed.", field="expires_at")
    secret = passwords.new_secret(PREFIX)
    token = ApiToken(
        user_id=actor.id, name=name, prefix=secret[:12], token_hash=passwords.digest(secret),
        permissions=[p for p in PERMISSIONS if p in wanted], expires_at=expires_at,
    )  # fmt: skip
    db.session.add(token)
    db.session.flush()
    audit.record(actor, "token.created", _target(token), after={"name": name, "permissions": token.permissions})
    db.session.commit()
    return NewToken(token, secret)


def create_for(user: User, name: str) -> NewToken:
    """For the command line: whoever may run it on this machine may act for anybody here."""
    principal = accounts.load(user.id, user.session_epoch)
    if principal is None or principal.tenant is None:
        raise Conflict("This account cannot sign in.")
    with as_tenant(db.session, principal.tenant.id):
        return create(principal, name, principal.permissions)


def revoke(actor: Principal, token_id: UUID) -> ApiToken:
    query = select(ApiToken).where(ApiToken.id == token_id).options(joinedload(ApiToken.user))
    token = db.session.scalar(query)
    if token is None or (token.user_id != actor.id and not actor.may("users.manage")):
        raise NotFound("There is no such token.")
    if token.revoked_at is None:
        token.revoked_at = utcnow()
        audit.record(actor, "token.revoked", _target(token))
        db.session.commit()
    return token


def load(secret: str) -> Principal | None:
    """Who a bearer token acts for: in its own tenant, with what its scopes and its owner's role both allow."""
    now = utcnow()
    with system_reading(db.engine) as connection:
        row = connection.execute(_OWNER, {"hash": passwords.digest(secret)}).first()
    if row is None or not _may_act(row, now):
        return None
    if row.last_used_at is None or now - row.last_used_at > _LAST_USED_PRECISION:
        with writing(), as_system(db.session):
            db.session.execute(update(ApiToken).where(ApiToken.id == row.token_id).values(last_used_at=now))
            db.session.commit()
    return _principal(row)


def _may_act(row: Any, now: datetime) -> bool:
    """The token has not run out, and its owner could still sign in where it works."""
    if not row.is_active or (row.expires_at is not None and row.expires_at <= now):
        return False
    works_there = row.is_superadmin or (row.tenant_id == row.users_tenant_id and row.tenant_is_active)
    return works_there and (settings().development or not row.is_demo)


def _principal(row: Any) -> Principal:
    of_owner = permissions_of(row.is_superadmin, row.role_permissions or ())
    return Principal(
        id=row.user_id, email=row.email, first_name=row.first_name, last_name=row.last_name,
        tenant=TenantRef(row.tenant_id, row.slug, row.tenant_name, row.tenant_timezone, row.tenant_language),
        permissions=of_owner & frozenset(row.permissions),
        role_id=row.role_id, role_name=row.role_name or "superadmin", is_superadmin=row.is_superadmin,
        language=row.language, theme=row.theme, timezone=row.timezone, session_epoch=row.session_epoch, token_id=row.token_id,
    )  # fmt: skip


def _target(token: ApiToken) -> Target:
    return Target("token", token.id, token.name)
