"""The businesses of this installation (for its operators) and a tenant's own settings (for its admins)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from models.base import db
from models.role import BUILTIN_ROLES, Role
from models.tenancy import as_system, as_tenant
from models.tenant import Tenant
from models.user import LANGUAGES, User
from services import accounts, audit, retention, users
from services.audit import Target
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.identity import Principal, TenantRef, require

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def listed(actor: Principal) -> list[tuple[Tenant, int]]:
    """Every tenant with the number of its users."""
    require(actor, "tenants.manage")
    with as_system(db.session):
        counts = dict(db.session.execute(select(User.tenant_id, func.count(User.id)).group_by(User.tenant_id)).all())
        return [(tenant, counts.get(tenant.id, 0)) for tenant in db.session.scalars(Tenant.listed())]


def choices(actor: Principal) -> list[Tenant]:
    """What a superadmin may switch to."""
    require(actor, "tenants.manage")
    return list(db.session.scalars(Tenant.listed().where(Tenant.is_active)))


def get(actor: Principal, tenant_id: UUID) -> Tenant:
    require(actor, "tenants.manage")
    tenant = db.session.get(Tenant, tenant_id)
    if tenant is None:
        raise NotFound("There is no such tenant.")
    return tenant


def switch(actor: Principal, tenant_id: UUID) -> Principal:
    tenant = get(actor, tenant_id)
    there = replace(actor, tenant=TenantRef.of(tenant))
    with as_system(db.session):
        audit.record(there, "tenant.switched", target(tenant),
                     before={"tenant": actor.tenant.slug if actor.tenant else None}, after={"tenant": tenant.slug})  # fmt: skip
        db.session.commit()
    return there


def create(actor: Principal, slug: str, name: str, admin_email: str = "") -> tuple[Tenant, users.Invitation | None]:
    """A tenant with its built-in roles and, if named, its first admin by invitation."""
    require(actor, "tenants.manage")
    with as_system(db.session):
        tenant = add(slug, name)
        audit.record(replace(actor, tenant=TenantRef.of(tenant)), "tenant.created", target(tenant),
                     after={"slug": tenant.slug, "name": tenant.name})  # fmt: skip
        db.session.commit()
    if not admin_email:
        return tenant, None
    with as_tenant(db.session, tenant.id):
        admin = db.session.scalars(Role.named("admin")).one()
        return tenant, users.invite(replace(actor, tenant=TenantRef.of(tenant)), admin_email, admin.id)


def add(slug: str, name: str) -> Tenant:
    """The rows of a new tenant, uncommitted; the session must be the system's."""
    slug, name = slug.strip().lower(), " ".join(name.split())
    if not _SLUG.fullmatch(slug):
        raise Invalid("Small Latin letters, digits and hyphens, at most 63.", field="slug")
    if not 2 <= len(name) <= 200:
        raise Invalid("A name has 2 to 200 characters.", field="name")
    tenant = Tenant(slug=slug, name=name)
    db.session.add(tenant)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("There is already a tenant “%(slug)s”.", slug=slug) from None
    db.session.add_all(Role.builtin(tenant.id, key) for key in BUILTIN_ROLES)
    db.session.flush()
    return tenant


def update(actor: Principal, *, name: str, timezone: str, language: str | None) -> Tenant:
    """A tenant's admin sets its name, zone and language."""
    require(actor, "users.manage")
    tenant = own(actor)
    name = " ".join(name.split())
    if not 2 <= len(name) <= 200:
        raise Invalid("A name has 2 to 200 characters.", field="name")
    if timezone not in available_timezones():
        raise Invalid("There is no such time zone.", field="timezone")
    if language is not None and language not in LANGUAGES:
        raise Invalid("There is no such language here.", field="language")
    before = {"name": tenant.name, "timezone": tenant.timezone, "language": tenant.language}
    tenant.name, tenant.timezone, tenant.language = name, timezone, language
    after = {"name": name, "timezone": timezone, "language": language}
    audit.record(actor, "tenant.updated", target(tenant), before=before, after=after)
    db.session.commit()
    return tenant


def keeps(actor: Principal) -> dict[str, int]:
    """The days its admins chose; what is missing is kept as long as usual."""
    require(actor, "users.manage")
    return dict(own(actor).retention)


def keep(actor: Principal, days: Mapping[str, int | None]) -> Tenant:
    """A tenant's admin says for how many days runs and the like are kept; None: as long as usual."""
    require(actor, "users.manage")
    tenant = own(actor)
    for kind, chosen in days.items():
        low, high = retention.BOUNDS[kind]
        if chosen is not None and not low <= chosen <= high:
            raise Invalid(
                "Give a whole number of days from %(low)s to %(high)s, or leave it empty.",
                field=kind,
                low=low,
                high=high,
            )
    before = tenant.retention
    tenant.retention = {kind: chosen for kind, chosen in {**before, **days}.items() if chosen is not None}
    audit.record(actor, "tenant.updated", target(tenant),
                 before={"retention": before}, after={"retention": tenant.retention})  # fmt: skip
    db.session.commit()
    return tenant


def own(actor: Principal) -> Tenant:
    """The one somebody acts in."""
    if actor.tenant is None:
        raise Forbidden("Choose a tenant first.")
    return db.session.get_one(Tenant, actor.tenant.id)


def set_active(actor: Principal, tenant_id: UUID, is_active: bool) -> Tenant:
    """Closing a tenant ends its people's sessions and its tokens at once; nothing is deleted."""
    get(actor, tenant_id)
    with as_system(db.session):
        tenant = db.session.get_one(Tenant, tenant_id)
        before, tenant.is_active = tenant.is_active, is_active
        audit.record(replace(actor, tenant=TenantRef.of(tenant)), "tenant.updated", target(tenant),
                     before={"is_active": before}, after={"is_active": is_active})  # fmt: skip
        db.session.commit()
    return tenant


def target(tenant: Tenant) -> Target:
    return Target("tenant", tenant.id, tenant.name)


# ---- for the command line, which acts for nobody


def create_user(email: str, tenant_slug: str, role_name: str, first_name: str, last_name: str) -> str:
    """A user who still has to choose a password; answers with the secret of the link. Without a tenant: a superadmin."""
    with as_system(db.session):
        tenant = None
        if tenant_slug:
            tenant = db.session.scalar(Tenant.by_slug(tenant_slug)) or add(tenant_slug, tenant_slug)
        user = User(email=email.strip().lower(), first_name=first_name, last_name=last_name,
                    tenant_id=tenant.id if tenant else None, is_superadmin=tenant is None)  # fmt: skip
        if tenant:
            role = db.session.scalar(Role.named(role_name).where(Role.tenant_id == tenant.id))
            if role is None:
                raise NotFound("There is no such role.")
            user.role_id = role.id
        if db.session.scalar(User.by_email(user.email)):
            raise Conflict("An account with the e-mail %(email)s already exists.", email=user.email)
        secret = accounts.new_link(user, timedelta(days=users.INVITATION_DAYS))
        db.session.add(user)
        db.session.flush()
        audit.record(
            None,
            "user.invited",
            Target("user", user.id, user.email),
            actor_label="command line",
            tenant_id=user.tenant_id,
        )
        db.session.commit()
        return secret
