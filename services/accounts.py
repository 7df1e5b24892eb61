"""Getting in and staying in: sign-in, sessions, links that set a password, one's own profile."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import NoReturn
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

import logs
from models.base import db, utcnow
from models.tenancy import as_system
from models.tenant import Tenant
from models.user import LANGUAGES, THEMES, User
from services import audit, passwords, sessions, throttle
from services.audit import Target
from services.errors import Invalid, NotFound
from services.identity import Principal, principal_of
from services.sessions import Ticket
from services.wiring import settings

_WINDOW_S = 15 * 60
_FAILURES_PER_PERSON_AND_ADDRESS = 5
_FAILURES_PER_ADDRESS = 50
_FAILURES_PER_PERSON = 100


def sign_in(email: str, password: str) -> Principal:
    """The same work and the same answer for a wrong password, an unknown account and a deactivated one."""
    email = email.strip().lower()
    brakes = _brakes(email)
    for key, limit in brakes:
        throttle.check(key, limit)
    with as_system(db.session):
        user = db.session.scalar(_with_role(User.by_email(email)))
        matches = passwords.verify(user.password_hash if user else None, password)
        if user is None or not matches or not _may_sign_in(user):
            _refuse(email, user, brakes)
        return _admit(user, password, brakes)


def _brakes(email: str) -> list[tuple[str, int]]:
    who, where = passwords.digest(email)[:32], logs.remote_ip.get()
    return [
        (f"sign-in:{who}:{where}", _FAILURES_PER_PERSON_AND_ADDRESS),
        (f"sign-in:{where}", _FAILURES_PER_ADDRESS),
        (f"sign-in:{who}", _FAILURES_PER_PERSON),
    ]


def _may_sign_in(user: User) -> bool:
    in_living_tenant = user.is_superadmin or (user.tenant is not None and user.tenant.is_active)
    return user.is_active and in_living_tenant and (settings().development or not user.is_demo)


def _refuse(email: str, user: User | None, brakes: list[tuple[str, int]]) -> NoReturn:
    for key, _ in brakes:
        throttle.hit(key, _WINDOW_S)
    audit.record(None, "auth.sign_in_failed", _target(user) if user else None, actor_label=email,
                 tenant_id=user.tenant_id if user else None)  # fmt: skip
    db.session.commit()
    raise Invalid("This e-mail and password do not match an account.", field="password")


def _admit(user: User, password: str, brakes: list[tuple[str, int]]) -> Principal:
    for key, _ in brakes:
        throttle.clear(key)
    if passwords.needs_rehash(user.password_hash or ""):
        user.password_hash = passwords.hash_password(password)
    user.last_sign_in_at = utcnow()
    principal = principal_of(user, user.tenant)
    audit.record(principal, "auth.signed_in", _target(user))
    db.session.commit()
    return principal


def sign_out(actor: Principal, tickets: Iterable[Ticket]) -> None:
    """Of one browser: what its cookies say stands for nobody from now on, wherever there are copies of them."""
    with as_system(db.session):
        sessions.end(tickets)
        audit.record(actor, "auth.signed_out", Target("user", actor.id, actor.email))
        db.session.commit()


def load_session(ticket: Ticket, chosen_tenant: UUID | None = None) -> Principal | None:
    """Who a cookie stands for now: nobody as well where its session was signed out of, or is too old."""
    if sessions.is_too_old(ticket.session_id):
        return None
    return load(ticket.user_id, ticket.epoch, chosen_tenant, ticket.session_id)


def load(
    user_id: UUID, session_epoch: int, chosen_tenant: UUID | None = None, session_id: UUID | None = None
) -> Principal | None:
    """Who somebody is now, or nobody: deactivated, password changed, tenant closed."""
    query = select(User).where(User.id == user_id)
    if session_id:
        query = query.where(sessions.goes_on(session_id))
    with as_system(db.session):
        user = db.session.scalar(_with_role(query))
        if user is None or user.session_epoch != session_epoch or not _may_sign_in(user):
            return None
        tenant = user.tenant
        if user.is_superadmin and chosen_tenant:
            tenant = db.session.get(Tenant, chosen_tenant)
        return principal_of(user, tenant, session_id)


def _with_role(query: Select[User]) -> Select[User]:
    return query.options(joinedload(User.role), joinedload(User.tenant))


def _target(user: User) -> Target:
    return Target("user", user.id, user.email)


# ---- links: an invitation and a forgotten password are the same thing, a chance to choose a password


def new_link(user: User, valid_for: timedelta) -> str:
    """Makes the user's earlier link worthless. Only the hash is kept; the caller shows the secret once."""
    secret = passwords.new_secret()
    user.link_hash = passwords.digest(secret)
    user.link_expires_at = utcnow() + valid_for
    return secret


@dataclass(frozen=True)
class Invitee:
    email: str
    first_name: str
    last_name: str
    tenant_name: str
    is_new: bool


def invitee(secret: str) -> Invitee:
    with as_system(db.session):
        user = _by_link(secret)
        tenant_name = user.tenant.name if user.tenant else ""
        return Invitee(user.email, user.first_name, user.last_name, tenant_name, user.is_invited)


def accept_link(secret: str, password: str, *, first_name: str, last_name: str) -> Principal:
    with as_system(db.session):
        user = _by_link(secret)
        action = "auth.invitation_accepted" if user.is_invited else "auth.password_reset"
        user.password_hash = passwords.hash_password(password, email=user.email)
        user.first_name, user.last_name = first_name.strip()[:100], last_name.strip()[:100]
        user.link_hash = user.link_expires_at = None
        user.session_epoch += 1
        user.last_sign_in_at = utcnow()
        principal = principal_of(user, user.tenant)
        audit.record(principal, action, _target(user))
        db.session.commit()
        return principal


def _by_link(secret: str) -> User:
    user = db.session.scalar(_with_role(User.by_link(passwords.digest(secret), utcnow())))
    if user is None or not _may_sign_in(user):
        raise NotFound("This link has been used or has expired. Ask for a new one.")
    return user


# ---- one's own profile


@dataclass(frozen=True)
class Profile:
    first_name: str
    last_name: str
    language: str | None
    theme: str
    timezone: str | None


def update_profile(actor: Principal, profile: Profile) -> Profile:
    _check_profile(profile)
    with as_system(db.session):  # a superadmin's own row belongs to no tenant
        user = db.session.get_one(User, actor.id)
        before = {name: getattr(user, name) for name in asdict(profile)}
        for name, value in asdict(profile).items():
            setattr(user, name, value)
        audit.record(actor, "user.profile_updated", _target(user), before=before, after=asdict(profile))
        db.session.commit()
    return profile


def _check_profile(profile: Profile) -> None:
    if profile.language is not None and profile.language not in LANGUAGES:
        raise Invalid("There is no such language here.", field="language")
    if profile.theme not in THEMES:
        raise Invalid("There is no such theme.", field="theme")
    if profile.timezone is not None and profile.timezone not in available_timezones():
        raise Invalid("There is no such time zone.", field="timezone")
    for name in ("first_name", "last_name"):
        if len(getattr(profile, name)) > 100:
            raise Invalid("At most %(count)s characters.", field=name, count=100)


def set_preference(actor: Principal, name: str, value: str) -> None:
    """Language and theme, switched from any page; too small a deed for the audit log."""
    allowed = {"language": LANGUAGES, "theme": THEMES}[name]
    if value not in allowed:
        raise Invalid("There is no such choice.", field=name)
    with as_system(db.session):
        setattr(db.session.get_one(User, actor.id), name, value)
        db.session.commit()


def change_password(actor: Principal, current: str, new: str) -> Principal:
    """Ends every other session; the caller renews its own with the answer."""
    key = f"password:{actor.id}"
    throttle.check(key, _FAILURES_PER_PERSON_AND_ADDRESS)
    with as_system(db.session):
        user = db.session.scalars(_with_role(select(User).where(User.id == actor.id))).one()
        if not passwords.verify(user.password_hash, current):
            throttle.hit(key, _WINDOW_S)
            raise Invalid("This is not your current password.", field="current")
        user.password_hash = passwords.hash_password(new, email=user.email, field="new")
        user.session_epoch += 1
        audit.record(actor, "auth.password_changed", _target(user))
        db.session.commit()
        return principal_of(user, user.tenant)
