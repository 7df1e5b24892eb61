"""A business database of two companies, for the tests of sdk.db, on SQLite and on PostgreSQL.

Everything Globex owns says CANARY or is a number no row of Acme has, so a leak shows in any result.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from services.granted.business_db import BusinessDatabase, BusinessDb
from services.granted.business_link import DbLimits
from services.granted.demo_business import create_demo_business

ACME = "0193b1c2-0000-7000-8000-00000000acce"
GLOBEX = "0193b1c2-0000-7000-8000-0000000CANAR"
SECRETS = ("CANARY", "CANAR", "987654", "Globex", "globex")

_MARK = (
    "UPDATE clients SET name = 'CANARY ' || name, email = 'CANARY' || email, city = 'CANARY' WHERE tenant_id = :t",
    "UPDATE products SET name = 'CANARY ' || name, sku = 'CANARY' || sku, price = 987654.25, stock = 987654 WHERE tenant_id = :t",
    "UPDATE orders SET total = 987654.25, quantity = 987654, status = 'CANARY' WHERE tenant_id = :t",
    "UPDATE payments SET amount = 987654.25, method = 'CANARY' WHERE tenant_id = :t",
)
TABLES = ("clients", "products", "orders", "payments")


@dataclass
class World:
    url: str
    owner: Engine
    database: BusinessDatabase
    acme: BusinessDb
    tenant: str = ACME

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def strangers_rows(self) -> dict[str, list[Any]]:
        with self.owner.connect() as db:
            return {
                table: [tuple(row) for row in db.execute(
                    text(f"SELECT * FROM {table} WHERE tenant_id <> :t ORDER BY id"), {"t": ACME})]
                for table in TABLES
            }  # fmt: skip

    def rows_of_all(self, table: str) -> int:
        with self.owner.connect() as db:
            return db.scalar(text(f"SELECT count(*) FROM {table}")) or 0

    def run(self, sql: str, params: Any = None, **options: Any) -> None:
        with self.owner.begin() as db:
            db.execute(text(sql), params or {}, **options)

    def close(self) -> None:
        self.acme.close()
        self.database.close()
        self.owner.dispose()


MakeWorld = Callable[..., World]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_world(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeWorld]:
    """Makes worlds of their own on one kind of database; with `alone`, one where Globex has no rows."""
    yield from _maker(kind, request, tmp_path_factory)


@pytest.fixture(scope="module")
def make_lasting_world(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeWorld]:
    """The same for a whole file of tests."""
    yield from _maker(kind, request, tmp_path_factory)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


def _maker(kind: str, request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Iterator[MakeWorld]:
    made: list[World] = []

    def make(
        alone: bool = False, limits: DbLimits | None = None, running_call: Any = lambda: None, **options: Any
    ) -> World:
        url = _empty_database(kind, request, folders)
        create_demo_business(url, {"acme": ACME} if alone else {"acme": ACME, "globex": GLOBEX})
        owner = create_engine(_driver(url), poolclass=NullPool)
        with owner.begin() as db:
            for statement in _MARK:
                db.execute(text(statement), {"t": GLOBEX})
        database = BusinessDatabase(url, limits=limits, running_call=running_call, **options)
        made.append(World(url, owner, database, database.for_tenant(ACME)))
        return made[-1]

    yield make
    for world in made:
        world.close()


def _empty_database(kind: str, request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> str:
    if kind == "sqlite":
        path: Path = folders.mktemp("business") / "business.db"
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgres_server").create(f"business_{uuid.uuid4().hex[:12]}")
    return url


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def mentions_a_stranger(result: Any) -> bool:
    shown = str(result)
    return any(secret in shown for secret in SECRETS)
