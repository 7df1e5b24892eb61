from collections.abc import Iterator

import pytest
from flask_migrate import upgrade

from app import create_app
from models import db
from runtime import Limits, Runtime, RuntimeConfig
from tests.conftest import settings_for
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def rt() -> Iterator[Runtime]:
    """One pool for most tests: what one test does to it must not show in the next."""
    runtime = Runtime(RuntimeConfig(pool_size=4, limits=Limits(timeout_ms=10_000)))
    yield runtime
    runtime.close()


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Of this test alone: it is killed. What it acknowledged survives that, as it would where people care."""
    server = PostgresServer(synchronous_commit="on")
    try:
        server.start()
        migrating = create_app(settings_for(tmp_path_factory.mktemp("pg"), DATABASE_URL=server.create("dastgoh")))
        with migrating.app_context():
            upgrade()
            db.session.remove()
            db.engine.dispose()
        yield server
    finally:
        server.stop()
