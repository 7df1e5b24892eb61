"""What a call of the SDK costs, from one await to the next: the bridge alone, and each API with its own work.

`scripts_ms` is the way to the other script and back without its run; `bench runtime` and `bench policies` have that.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select

from app import create_app
from bench import percentiles
from jobs.embedded_redis import EmbeddedRedis
from models import Tenant, User, db
from models.tenancy import as_system, as_tenant
from runtime import Limits, Runtime, RuntimeConfig
from services import accounts, demo, process, secrets
from services.granted.facts import Doors
from services.grants import RunFacts, granted
from settings import Settings

CALLS, ROUNDS = 50, 8
LIMITS = Limits(max_api_calls=10_000)
RATES = {f"{api}_per_minute": 1_000_000 for api in ("db", "http", "cache", "events")}

# What is called again and again; `at` counts. The key is the host name whose arrivals are timed.
APIS = {
    "http": ("http.request", "await sdk.http.get(context.input);"),
    "db": ("db.query", "await sdk.db.query('SELECT id, name FROM clients WHERE city = ?', ['Buxoro']);"),
    "cache": ("cache.get", "await sdk.cache.get('key');"),
    "events": ("events.publish", "await sdk.events.publish('bench.call.made', { at });"),
    "secrets": ("secrets.get", "await sdk.secrets.get('bench');"),
    "once": ("once.begin", "await sdk.once('key', () => 1);"),
    "scripts": ("scripts.run", "await sdk.scripts.run('Other', { at });"),
}
IN_THE_ENGINE = {
    "crypto": "sdk.crypto.hmac('sha256', 'key', 'message');",
    "log": "if (at < 900) sdk.log.info('line', { at });",
}


def measure() -> dict[str, object]:
    with _workbench() as (app, url), Runtime(RuntimeConfig(pool_size=1, limits=LIMITS)) as runtime, app.app_context():
        facts = _facts()
        for _ in range(5):
            _run(runtime, "await sdk.nothing();", {"nothing": lambda: None})
        time.sleep(0.5)
        result: dict[str, object] = {"call_ms": percentiles(_bare_calls(runtime))}
        for api, (name, call) in APIS.items():
            result[f"{api}_ms"] = percentiles(_granted_calls(runtime, facts, name, call, url))
        for api, call in IN_THE_ENGINE.items():
            result[f"{api}_ms"] = percentiles(_inner_calls(runtime, call))
        process.close(app)
        return result


def _bare_calls(runtime: Runtime) -> list[float]:
    clock = Arrivals()
    for _ in range(ROUNDS):
        _run(runtime, "await sdk.nothing();", {"nothing": clock.timed(lambda: None)})
        clock.rest()
    return clock.intervals


def _granted_calls(runtime: Runtime, facts: RunFacts, name: str, call: str, url: str) -> list[float]:
    clock = Arrivals()
    for _ in range(ROUNDS):
        with granted(replace(facts, execution_id=uuid4())) as given:
            _run(runtime, call, _with(given.host, name, clock), url)
        clock.rest()
    return clock.intervals


def _inner_calls(runtime: Runtime, call: str) -> list[float]:
    """No call arrives anywhere, so each of these is the mean of a run."""
    count = 900
    return [_run(runtime, call, {}, count=count) / count for _ in range(ROUNDS)]


def _run(runtime: Runtime, call: str, host: Mapping[str, Any], input: str = "", count: int = CALLS) -> float:
    outcome = runtime.execute(f"for (let at = 0; at < {count}; at++) {{ {call} }}", host=host, input=input)
    if outcome.error:
        raise RuntimeError(outcome.error)
    return outcome.metrics.run_ms


class Arrivals:
    """When calls arrive: one after the other, so the time between two is what one of them costs."""

    def __init__(self) -> None:
        self.intervals: list[float] = []
        self._last: float | None = None

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any) -> Any:
            now = time.perf_counter()
            if self._last is not None:
                self.intervals.append((now - self._last) * 1000)
            self._last = now
            return function(*args)

        return call

    def rest(self) -> None:
        self._last = None
        time.sleep(0.02)


def _with(host: Mapping[str, Any], name: str, clock: Arrivals) -> dict[str, Any]:
    api, _, call = name.partition(".")
    return {**host, api: {**host[api], call: clock.timed(host[api][call])}}


@contextmanager
def _workbench() -> Iterator[tuple[Flask, str]]:
    with tempfile.TemporaryDirectory(prefix="dastgoh-bench-") as directory, _server() as port:
        redis = EmbeddedRedis(Path(directory) / "redis.sock", Path(directory))
        redis.start()
        try:
            app = create_app(Settings.from_env({
                "DATA_DIR": directory, "REDIS_URL": redis.url, "LOG_LEVEL": "ERROR", "SCRIPT_HTTP_ALLOW": "127.0.0.1:*",
            }))  # fmt: skip
            app.extensions["doors"] = Doors(app.extensions["doors"].publish, lambda *_: None)
            yield app, f"http://127.0.0.1:{port}/"
        finally:
            redis.stop()


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # the answer in one piece

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nobody reads along."""


@contextmanager
def _server() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _facts() -> RunFacts:
    upgrade()
    demo.seed()
    with as_system(db.session):
        tenant = db.session.scalars(Tenant.by_slug("acme")).one()
        admin = db.session.scalars(select(User).where(User.email == "admin@acme.test")).one()
    principal = accounts.load(admin.id, admin.session_epoch, tenant.id)
    assert principal is not None
    with as_tenant(db.session, tenant.id):
        secrets.create(principal, "bench", "a value of the bench")
    script = UUID(int=1)
    return RunFacts(uuid4(), tenant.id, tenant.slug, script, "Bench", None, frozenset(), 0, 1, "", None, RATES)
