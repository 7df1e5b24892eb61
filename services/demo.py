"""What a newcomer meets: two demo businesses with people to sign in as. Development only."""

from dataclasses import dataclass

from sqlalchemy import select

from models.base import db
from models.role import BUILTIN_ROLES, Role
from models.tenancy import as_system
from models.tenant import Tenant
from models.user import User
from services import passwords, tenants
from services.errors import Conflict
from services.granted.demo_business import create_demo_business
from services.wiring import settings

PASSWORD = "workbench-demo"  # noqa: S105  the accounts that have it exist, and can sign in, only in development
_TENANTS = {"acme": "Acme Savdo", "globex": "Globex Logistika"}
_NAMES = {
    ("acme", "admin"): ("Aziza", "Karimova"),
    ("acme", "developer"): ("Timur", "Rashidov"),
    ("acme", "viewer"): ("Olga", "Sokolova"),
    ("globex", "admin"): ("Jasur", "Toʻrayev"),
    ("globex", "developer"): ("Marina", "Kim"),
    ("globex", "viewer"): ("Dilnoza", "Yusupova"),
}


@dataclass(frozen=True)
class DemoAccount:
    email: str
    password: str
    role: str
    tenant: str


DEMO_ACCOUNTS = (
    *(
        DemoAccount(f"{role}@{slug}.test", PASSWORD, role, _TENANTS[slug])
        for slug in _TENANTS
        for role in BUILTIN_ROLES
    ),
    DemoAccount("root@dastgoh.test", PASSWORD, "superadmin", ""),
)


def seeded_accounts() -> list[DemoAccount]:
    """The demo accounts that really stand in this database."""
    if not settings().development:
        return []
    known = {account.email: account for account in DEMO_ACCOUNTS}
    with as_system(db.session):
        present = set(db.session.scalars(select(User.email).where(User.email.in_(known), User.is_demo)))
    return [account for email, account in known.items() if email in present]


def seed() -> None:
    """Adds what is missing, so that it may run at every start."""
    if not settings().development:
        raise Conflict("Demo data is for development only.")
    with as_system(db.session):
        if not db.session.scalar(User.by_email("root@dastgoh.test")):
            _seed_people()
        demo_tenants = db.session.scalars(select(Tenant).where(Tenant.slug.in_(_TENANTS)))
        ids = {tenant.slug: str(tenant.id) for tenant in demo_tenants}
        db.session.rollback()
    if settings().has_demo_business:
        create_demo_business(settings().script_db_url, ids)


def _seed_people() -> None:
    password_hash = passwords.hash_password(PASSWORD)
    for slug, name in _TENANTS.items():
        tenant = db.session.scalar(Tenant.by_slug(slug)) or tenants.add(slug, name)
        roles = {role.name: role for role in db.session.scalars(select(Role).where(Role.tenant_id == tenant.id))}
        for key in BUILTIN_ROLES:
            first, last = _NAMES[slug, key]
            db.session.add(User(
                tenant_id=tenant.id, email=f"{key}@{slug}.test", first_name=first, last_name=last,
                role_id=roles[key].id, password_hash=password_hash, is_demo=True,
            ))  # fmt: skip
    db.session.add(User(
        email="root@dastgoh.test", first_name="Root", last_name="Operator", password_hash=password_hash,
        is_superadmin=True, is_demo=True,
    ))  # fmt: skip
    db.session.commit()
