"""What stands behind the SDK goes away: a coded error within the run's time, and no run that cannot go on after."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from redis import Redis

from app import create_app
from jobs.embedded_redis import EmbeddedRedis
from models import Tenant
from runtime import Limits, Outcome, Runtime
from services import wiring
from services.granted.demo_business import create_demo_business
from services.grants import RunFacts, granted
from tests.conftest import settings_for


@pytest.fixture
def run_in(sdk_runtime: Runtime) -> Iterator[Callable[..., Outcome]]:
    apps: list[Flask] = []

    def run(app: Flask, source: str, tenant_id: Any = None) -> Outcome:
        apps.append(app)
        facts = RunFacts(uuid4(), tenant_id or uuid4(), "t", uuid4(), "S", None, frozenset(), 0, 1, "", None, {})
        with app.app_context(), granted(facts) as given:
            return sdk_runtime.execute(source, host=given.host, limits=Limits(timeout_ms=20_000))

    yield run
    for app in apps:
        wiring.close(app)


def codes(*calls: str) -> str:
    attempts = ", ".join(f"(async () => sdk.{call})()" for call in calls)
    return f"const all = await Promise.allSettled([{attempts}]); return all.map(one => one.reason ? [one.reason.code, one.reason.retryable] : 'ok');"


AWAY = ["HOST_UNAVAILABLE", True]


def test_a_redis_that_dies_between_two_calls_is_an_error_and_its_return_is_not(
    tmp_path: Path, migrated_sqlite: bytes, run_in: Callable[..., Outcome]
) -> None:
    (tmp_path / "dastgoh.sqlite").write_bytes(migrated_sqlite)
    redis = EmbeddedRedis(tmp_path / "r.sock", tmp_path)
    app = create_app(settings_for(tmp_path, REDIS_URL=redis.start()))
    try:
        assert run_in(app, codes("cache.set('k', 1)", "cache.increment('n')")).value == ["ok", "ok"]
        redis.stop()
        began = time.monotonic()
        out = run_in(
            app, codes("cache.get('k')", "cache.set('k', 1)", "cache.increment('n')", "cache.shared.delete('k')")
        )
        assert out.value == [AWAY] * 4
        assert time.monotonic() - began < 15
        redis.start()
        assert run_in(app, codes("cache.set('k', 1)")).value == ["ok"]
    finally:
        redis.stop()


def test_a_redis_that_hangs_is_an_error_before_scripts_run_out_of_time(
    tmp_path: Path, migrated_sqlite: bytes, run_in: Callable[..., Outcome]
) -> None:
    (tmp_path / "dastgoh.sqlite").write_bytes(migrated_sqlite)
    redis = EmbeddedRedis(tmp_path / "r.sock", tmp_path)
    app = create_app(settings_for(tmp_path, REDIS_URL=redis.start()))
    server = Redis.from_url(redis.url).info()["process_id"]
    try:
        assert run_in(app, codes("cache.set('k', 1)")).value == ["ok"]
        os.kill(server, signal.SIGSTOP)
        began = time.monotonic()
        assert run_in(app, codes("cache.get('k')", "cache.increment('n')")).value == [AWAY] * 2
        assert time.monotonic() - began < 10
        os.kill(server, signal.SIGCONT)
        assert run_in(app, codes("cache.get('k')")).value == ["ok"]
    finally:
        os.kill(server, signal.SIGCONT)
        redis.stop()


def test_a_database_of_ours_that_is_away_is_an_error_of_the_calls_that_need_it(
    tmp_path: Path, redis_url: str, run_in: Callable[..., Outcome]
) -> None:
    """Nobody listens on that port; secrets and once need the database, the cache does not."""
    url = "postgresql://nobody@127.0.0.1:9/none"
    app = create_app(settings_for(tmp_path, REDIS_URL=redis_url, DATABASE_URL=url))
    out = run_in(app, codes("secrets.get('k')", "once('k', () => 1)", "events.publish('a.b', 1)", "cache.set('k', 1)"))
    assert out.value == [AWAY] * 3 + ["ok"]
    assert "127.0.0.1" not in str(out)


def test_a_business_database_that_vanishes_and_returns(
    app: Flask, acme: Tenant, run_in: Callable[..., Outcome]
) -> None:
    settings = app.extensions["settings"]
    path = Path(settings.script_db_url.removeprefix("sqlite:///"))
    query = codes("db.query('SELECT id FROM clients')")
    assert run_in(app, query, acme.id).value == [["DB_FAILED", True]]
    assert not path.exists()
    create_demo_business(settings.script_db_url, {"acme": str(acme.id)})
    assert run_in(app, query, acme.id).value == ["ok"]


def test_a_name_nobody_knows_and_a_port_nobody_listens_on(app: Flask, run_in: Callable[..., Outcome]) -> None:
    out = run_in(app, codes("http.get('https://nobody.invalid/', {retries: 0})"))
    assert out.value[0][0] in ("HTTP_FAILED", "HTTP_BLOCKED", "HTTP_TIMEOUT")
