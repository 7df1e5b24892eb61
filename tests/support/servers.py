"""Fixtures: the Redis and the PostgreSQL of this test process, started when a test first asks and stopped at the end."""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.embedded_redis import EmbeddedRedis
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    with tempfile.TemporaryDirectory(prefix="dastgoh-") as directory:
        server = EmbeddedRedis(Path(directory) / "redis.sock", Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def redis_url(redis_server: EmbeddedRedis) -> str:
    return redis_server.url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """The maintenance database; tests keep their tables in databases of their own."""
    return postgres_server.url()


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[Callable[..., str]]:
    """A factory of fresh databases: `make()` is empty, `make(template)` a copy of that one. All go with the test."""
    names: list[str] = []

    def make(template: str | None = None) -> str:
        name = f"test_{uuid.uuid4().hex}"
        names.append(name)
        return postgres_server.clone(template, name) if template else postgres_server.create(name)

    yield make
    for name in names:
        postgres_server.drop(name)
