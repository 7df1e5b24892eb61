"""The people of a tenant: invite, change, deactivate, hand out a new link."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from models.base import db
from models.role import Role
from models.tenancy import as_system
from models.user import User
from services import accounts, audit, happenings
from services.audit import Target
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.identity import Principal, require

INVITATION_DAYS = 7
RESET_HOURS = 24
_EMAIL = re.compile(r"[^@\s,;<>\"()]{1,64}@[^@\s,;<>\"()]+\.[^@\s.,;<>\"()]{2,}")


@dataclass(frozen=True)
class Invitation:
    user: User
    secret: str


def listed(actor: Principal, search: str = "") -> list[User]:
    require(actor, "users.manage")
    query = User.listed().options(joinedload(User.role))
    if search:
        matches = [c.icontains(search, autoescape=True) for c in (User.email, User.first_name, User.last_name)]
        query = query.where(matches[0] | matches[1] | matches[2])
    return list(db.session.scalars(query))


def get(actor: Principal, user_id: UUID) -> User:
    require(actor, "users.manage")
    user = db.session.scalar(select(User).where(User.id == user_id).options(joinedload(User.role)))
    if user is None:
        raise NotFound("There is no such user.")
    return user


def invite(actor: Principal, email: str, role_id: UUID, *, first_name: str = "", last_name: str = "") -> Invitation:
    require(actor, "users.manage")
    email = email.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Invalid("This is not an e-mail address.", field="email")
    role = _grantable_role(actor, role_id)
    user = User(email=email, role_id=role.id, first_name=first_name.strip(), last_name=last_name.strip())
    secret = accounts.new_link(user, timedelta(days=INVITATION_DAYS))
    db.session.add(user)
    _flush_unique(email)
    audit.record(actor, "user.invited", _target(user), after={"email": email, "role": role.name})
    happenings.announce("dastgoh.user.created", {"id": str(user.id), "email": email})
    db.session.commit()
    return Invitation(user, secret)


def _flush_unique(email: str) -> None:
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        # An address is one account in the whole installation; which tenant has it is nobody's business.
        raise Conflict("An account with the e-mail %(email)s already exists.", email=email) from None


def update(actor: Principal, user_id: UUID, *, first_name: str, last_name: str, role_id: UUID, is_active: bool) -> User:
    user = get(actor, user_id)
    role = _grantable_role(actor, role_id)
    _guard_privilege(actor, user)
    before = _facts(user)
    if user.id == actor.id and (not is_active or role.id != user.role_id):
        raise Invalid("You cannot deactivate yourself or change your own role.", field="role_id")
    user.first_name, user.last_name, user.role_id = first_name.strip()[:100], last_name.strip()[:100], role.id
    if user.is_active and not is_active:
        user.session_epoch += 1
    user.is_active = is_active
    db.session.flush()
    _keep_an_admin()
    audit.record(actor, "user.updated", _target(user), before=before, after={**_facts(user), "role": role.name})
    happenings.announce("dastgoh.user.updated", {"id": str(user.id), "email": user.email})
    db.session.commit()
    return user


def renew_link(actor: Principal, user_id: UUID) -> Invitation:
    """A fresh invitation, or a way back in for who forgot the password."""
    user = get(actor, user_id)
    _guard_privilege(actor, user)
    if not user.is_active:
        raise Invalid("Activate the account first.")
    valid_for = timedelta(days=INVITATION_DAYS) if user.is_invited else timedelta(hours=RESET_HOURS)
    secret = accounts.new_link(user, valid_for)
    audit.record(actor, "user.link_renewed", _target(user))
    db.session.commit()
    return Invitation(user, secret)


def _grantable_role(actor: Principal, role_id: UUID) -> Role:
    role = db.session.scalar(select(Role).where(Role.id == role_id))
    if role is None:
        raise Invalid("There is no such role.", field="role_id")
    if not frozenset(role.permissions) <= actor.permissions:
        raise Forbidden("You cannot give a role that may do more than you.")
    return role


def _guard_privilege(actor: Principal, user: User) -> None:
    """Taking over an account by its link must never be a way up."""
    if user.role and not frozenset(user.role.permissions) <= actor.permissions:
        raise Forbidden("You cannot change an account that may do more than you.")


def _keep_an_admin() -> None:
    roles = db.session.scalars(select(Role))
    managing = [role.id for role in roles if "users.manage" in role.permissions]
    left = db.session.scalar(
        select(func.count(User.id)).where(User.role_id.in_(managing), User.is_active, User.password_hash.is_not(None))
    )
    if not left:
        db.session.rollback()
        raise Conflict("At least one active user must be able to manage users.")


def _facts(user: User) -> dict[str, Any]:
    return {
        "first_name": user.first_name, "last_name": user.last_name,
        "role": user.role.name if user.role else None, "is_active": user.is_active,
    }  # fmt: skip


def _target(user: User) -> Target:
    return Target("user", user.id, user.email)


def find_by_email(tenant_slug: str, email: str) -> User:
    """For the command line, which acts for nobody."""
    with as_system(db.session):
        query = User.by_email(email).options(joinedload(User.role), joinedload(User.tenant))
        user = db.session.scalar(query)
        if user is None or user.tenant is None or user.tenant.slug != tenant_slug.lower():
            raise NotFound("There is no user %(email)s in tenant %(tenant)s.", email=email, tenant=tenant_slug)
        return user
