"""Databases, applications and the three people every page test asks: Alice owns, Bob may only read, Charlie is elsewhere."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from jinja2 import BytecodeCache
from sqlalchemy import select

from app import create_app
from models import Role, Tenant, User, db
from models.tenancy import as_system, bind
from services import accounts, passwords, queue, tenants
from services.identity import Principal
from services.per_process import have
from settings import Settings
from tests.support.http import Browser

pytest_plugins = ["tests.support.garbage", "tests.support.compiled", "tests.support.memory", "tests.support.business", "tests.support.servers", "tests.support.browser", "tests.support.engines",
                  "tests.support.minutes", "tests.support.order", "tests.support.routes", "tests.support.runs"]  # fmt: skip

PASSWORD = "correct horse battery"
# argon2 is slow on purpose, and tests sign in a thousand times.
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD_HASH = passwords.hash_password(PASSWORD)


@dataclass(frozen=True)
class Person:
    id: object
    email: str
    principal: Principal


def settings_for(data_dir: Path, **environment: str) -> Settings:
    return Settings.from_env({"DATA_DIR": str(data_dir), "LOG_LEVEL": "ERROR", **environment})


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of an empty, migrated database: copying them is quicker than migrating for each test."""
    directory = tmp_path_factory.mktemp("template")
    app = create_app(settings_for(directory))
    with app.app_context():
        upgrade()
        db.session.remove()
        with db.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return (directory / "dastgoh.sqlite").read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Which database the application of this test stands on; a test that asks for `app` runs on both."""
    return str(request.param)


@pytest.fixture
def settings(database: str, tmp_path: Path, redis_url: str, request: pytest.FixtureRequest) -> Settings:
    if database == "sqlite":
        (tmp_path / "dastgoh.sqlite").write_bytes(request.getfixturevalue("migrated_sqlite"))
        return settings_for(tmp_path, REDIS_URL=redis_url)
    url = request.getfixturevalue("postgres_database")(template=request.getfixturevalue("migrated_postgres"))
    return settings_for(tmp_path, REDIS_URL=redis_url, DATABASE_URL=url)


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: object, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = f"template_{os.getpid()}"
    postgres_server.create(name)  # type: ignore[attr-defined]
    app = create_app(settings_for(tmp_path_factory.mktemp("pg"), DATABASE_URL=postgres_server.url(name)))  # type: ignore[attr-defined]
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()
    return name


@pytest.fixture
def app(settings: Settings, shared_engines: object, compiled_templates: BytecodeCache) -> Iterator[Flask]:
    app = create_app(settings)
    have(app, "engines", lambda: shared_engines)
    app.jinja_env.bytecode_cache = compiled_templates
    app.extensions["redis"].flushdb()
    app.config["TESTING"] = False  # errors become pages, as for users
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def redis_away(app: Flask) -> None:
    """Nobody answers where this application looks for Redis."""
    app.extensions["redis"] = queue.connection(
        replace(app.extensions["settings"], redis_url="unix:///nowhere/redis.sock")
    )


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """In pytest-flask's place: a context around the whole test would be shared by all of its requests, and so would `g`."""


@pytest.fixture
def session(app: Flask) -> Iterator[object]:
    """A database session outside any request, bound to nobody yet."""
    with app.app_context():
        yield db.session


@pytest.fixture
def make_tenant(app: Flask) -> Callable[..., Tenant]:
    def make(slug: str, name: str = "") -> Tenant:
        with app.app_context(), as_system(db.session):
            tenant = tenants.add(slug, name or slug.title())
            db.session.commit()
            return tenant

    return make


@pytest.fixture
def make_user(app: Flask) -> Callable[..., Person]:
    def make(email: str, tenant: Tenant | None = None, role: str = "admin", **fields: object) -> Person:
        with app.app_context(), as_system(db.session):
            user = User(email=email, password_hash=PASSWORD_HASH, first_name=email.partition("@")[0].title(), **fields)
            if tenant is None:
                user.is_superadmin = True
            else:
                user.tenant_id = tenant.id
                user.role_id = db.session.scalars(
                    select(Role.id).where(Role.tenant_id == tenant.id, Role.name_key == role)
                ).one()
            db.session.add(user)
            db.session.commit()
            principal = accounts.load(user.id, user.session_epoch, tenant.id if tenant else None)
            assert principal is not None
            return Person(user.id, email, principal)

    return make


@pytest.fixture
def acme(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant("acme")


@pytest.fixture
def globex(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant("globex")


@pytest.fixture
def alice(make_user: Callable[..., Person], acme: Tenant) -> Person:
    return make_user("alice@acme.test", acme)


@pytest.fixture
def bob(make_user: Callable[..., Person], acme: Tenant) -> Person:
    return make_user("bob@acme.test", acme, role="viewer")


@pytest.fixture
def charlie(make_user: Callable[..., Person], globex: Tenant) -> Person:
    return make_user("charlie@globex.test", globex)


@pytest.fixture
def root(make_user: Callable[..., Person]) -> Person:
    return make_user("root@dastgoh.test")


@pytest.fixture
def sign_in(app: Flask) -> Callable[[Person], Browser]:
    def enter(person: Person) -> Browser:
        browser = Browser(app)
        answer = browser.post("/sign-in", email=person.email, password=PASSWORD)
        assert answer.status_code == 302, answer.text
        return browser

    return enter


@pytest.fixture
def stranger(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def as_person(session: object) -> Callable[[Person], Principal]:
    """Binds the session to where the person acts, as a request would."""

    def enter(person: Person) -> Principal:
        bind(db.session, person.principal.tenant.id if person.principal.tenant else None)
        return person.principal

    return enter


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
