"""Roles of a tenant: three built in, any number of its own."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from models.base import db
from models.role import TENANT_PERMISSIONS, Role
from models.user import User
from services import audit
from services.audit import Target
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.identity import Principal, require


def listed(actor: Principal) -> list[Role]:
    require(actor, "users.manage")
    return list(db.session.scalars(Role.listed()))


def members(actor: Principal) -> dict[UUID, int]:
    require(actor, "users.manage")
    rows = db.session.execute(select(User.role_id, func.count(User.id)).group_by(User.role_id))
    return {role_id: count for role_id, count in rows if role_id}


def get(actor: Principal, role_id: UUID) -> Role:
    require(actor, "users.manage")
    role = db.session.scalar(select(Role).where(Role.id == role_id))
    if role is None:
        raise NotFound("There is no such role.")
    return role


def create(actor: Principal, name: str, permissions: Iterable[str]) -> Role:
    require(actor, "users.manage")
    role = Role()
    _fill(actor, role, name, permissions)
    db.session.add(role)
    _flush_unique(role.name)
    audit.record(actor, "role.created", _target(role), after=_facts(role))
    db.session.commit()
    return role


def update(actor: Principal, role_id: UUID, name: str, permissions: Iterable[str]) -> Role:
    role = _own(actor, role_id)
    if not frozenset(role.permissions) <= actor.permissions:
        raise Forbidden("You cannot change a role that may do more than you.")
    before = _facts(role)
    _fill(actor, role, name, permissions)
    if actor.role_id == role.id and "users.manage" not in role.permissions:
        db.session.rollback()
        raise Invalid("You cannot take users.manage from your own role.", field="permissions")
    _flush_unique(role.name)
    audit.record(actor, "role.updated", _target(role), before=before, after=_facts(role))
    db.session.commit()
    return role


def delete(actor: Principal, role_id: UUID) -> None:
    role = _own(actor, role_id)
    count = db.session.scalar(select(func.count(User.id)).where(User.role_id == role.id))
    if count:
        raise Conflict("%(count)s users have this role. Give them another one first.", count=count)
    audit.record(actor, "role.deleted", _target(role), before=_facts(role))
    db.session.delete(role)
    db.session.commit()


def _own(actor: Principal, role_id: UUID) -> Role:
    role = get(actor, role_id)
    if role.is_builtin:
        raise Conflict("Built-in roles cannot be changed. Make a copy instead.")
    return role


def _fill(actor: Principal, role: Role, name: str, permissions: Iterable[str]) -> None:
    name, wanted = " ".join(name.split()), frozenset(permissions)
    if not 2 <= len(name) <= 100:
        raise Invalid("A name has 2 to 100 characters.", field="name")
    unknown = wanted - frozenset(TENANT_PERMISSIONS)
    if unknown:
        raise Invalid("There is no permission %(name)s.", field="permissions", name=min(unknown))
    if not wanted <= actor.permissions:
        raise Forbidden("You cannot give a role that may do more than you.")
    role.name, role.name_key = name, name.casefold()
    role.permissions = [p for p in TENANT_PERMISSIONS if p in wanted]


def _flush_unique(name: str) -> None:
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("There is already a role named “%(name)s”.", name=name) from None


def _facts(role: Role) -> dict[str, object]:
    return {"name": role.name, "permissions": list(role.permissions)}


def _target(role: Role) -> Target:
    return Target("role", role.id, role.name)
