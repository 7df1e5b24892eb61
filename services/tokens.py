"""API tokens: shown once, kept as a hash, never able to do more than their owner."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from models.api_token import ApiToken
from models.base import db, utcnow
from models.role import PERMISSIONS
from models.tenancy import as_system, as_tenant
from models.user import User
from services import accounts, audit, passwords
from services.audit import Target
from services.errors import Conflict, Invalid, NotFound
from services.identity import Principal

PREFIX = "dgh_"
# Writing "last used" on every call would make each API read a write; a minute's precision is what people look at.
_LAST_USED_PRECISION = timedelta(minutes=1)


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
    with as_system(db.session):
        token = db.session.scalar(ApiToken.by_hash(passwords.digest(secret)).options(joinedload(ApiToken.user)))
        if token is None or not token.is_live(now):
            return None
        owner = accounts.load(token.user_id, token.user.session_epoch, chosen_tenant=token.tenant_id)
        if owner is None or owner.tenant is None or owner.tenant.id != token.tenant_id:
            return None
        if token.last_used_at is None or now - token.last_used_at > _LAST_USED_PRECISION:
            db.session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))
            db.session.commit()
        return replace(owner, permissions=owner.permissions & frozenset(token.permissions), token_id=token.id)


def _target(token: ApiToken) -> Target:
    return Target("token", token.id, token.name)
