"""What measurements of the whole need: databases, a Redis, the product's own processes, and somebody to act for."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select

from app import create_app
from jobs.embedded_redis import EmbeddedRedis
from models import User, db
from models.role import Role
from models.tenancy import as_system
from services import accounts, tenants
from services.identity import Principal
from settings import Settings
from tests.support.postgres import PostgresServer
from tests.support.stack import Stack

SIGNING_KEY = "a key for measurements only, of no worth to anybody"


@dataclass(frozen=True)
class Stage:
    """`app` is this process's own; `stack` starts others on the same database and Redis."""

    app: Flask
    stack: Stack
    redis_url: str
    port: int

    def start_web(self) -> None:
        self.stack.start("web")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the web server does not answer")


@contextmanager
def postgres() -> Iterator[str]:
    server = PostgresServer()
    try:
        server.start()
        yield server.create("bench")
    finally:
        server.stop()


@contextmanager
def stage(database_url: str | None, environment: Mapping[str, str]) -> Iterator[Stage]:
    """An empty, migrated database (SQLite without an address), and nothing running yet but Redis."""
    with tempfile.TemporaryDirectory(prefix="dastgoh-") as name:
        directory = Path(name)
        redis = EmbeddedRedis(directory / "redis.sock", directory)
        redis.start()
        port = _free_port()
        given = {"DATA_DIR": name, "REDIS_URL": redis.url, "PORT": str(port), "SECRET_KEY": SIGNING_KEY, **environment}
        if database_url:
            given["DATABASE_URL"] = database_url
        stack = Stack(given, directory / "log")
        try:
            app = create_app(Settings.from_env(given))
            with app.app_context():
                upgrade()
            yield Stage(app, stack, redis.url, port)
        finally:
            stack.stop()
            redis.stop()


def author(slug: str = "bench") -> Principal:
    """An admin of a new tenant whose own limits are out of the way."""
    with as_system(db.session):
        tenant = tenants.add(slug, slug.title())
        role = db.session.scalars(select(Role.id).where(Role.tenant_id == tenant.id, Role.name_key == "admin")).one()
        user = User(tenant_id=tenant.id, role_id=role, email=f"{slug}@bench.test", first_name="B")
        db.session.add(user)
        tenant.limits = {"concurrency": 20, "runs_per_minute": 1_000_000}
        db.session.commit()
        found = accounts.load(user.id, user.session_epoch, tenant.id)
    if found is None or found.tenant is None:
        raise RuntimeError("the bench's author cannot be loaded")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
