"""Events from publishing to recorded, with everything on this machine, on both databases; limits of the parts beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

from flask import Flask
from sqlalchemy import func, select

from bench import _stage, percentiles
from bench._yardstick import yardstick
from models import Event, Execution, db
from models.tenancy import as_system, as_tenant
from runtime import Runtime, RuntimeConfig
from services import events, filters, process, scripts, subscriptions
from services.filter_index import SubscriptionIndex
from services.identity import Principal
from services.scripts import Changes
from tests.support.stack import Stack

SOURCE = "return context.event ? context.event.data.total * 2 : 0"
CROWD, STEADY_S, PUBLISHERS = 600, 3.0, 2

RQ_NOOP = """
import json, sys, time
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
redis = Redis.from_url(sys.argv[1])
queue = Queue("bench", connection=redis, serializer=JSONSerializer)
queue.enqueue_many([Queue.prepare_data("time.time", result_ttl=0) for _ in range(400)])
began = time.perf_counter()
SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")
print(json.dumps(400 / (time.perf_counter() - began)))
"""


def measure() -> dict[str, object]:
    match_ms = _matching()
    runtime_rate = _runtime_alone()
    with _stage.postgres() as postgres_url:
        results = {name: _on(url) for name, url in (("sqlite", None), ("postgresql", postgres_url))}
    for result in results.values():
        result |= {"match_ms_1000_subscriptions": match_ms, "runtime_runs_per_s": runtime_rate}
    return dict(results)


def _on(database_url: str | None) -> dict[str, object]:
    with _stage.stage(database_url, {"LOG_LEVEL": "WARNING"}) as there:
        result = _measured(there.app, there.stack)
        return result | {"rq_simple_noop_jobs_per_s": _rq_noop(there.redis_url)} | yardstick()


def _measured(app: Flask, stack: Stack) -> dict[str, object]:
    with app.app_context():
        author = _stage.author()
        with as_tenant(db.session, author.tenant.id):
            script = scripts.create(author, Changes(name="Bench", source=SOURCE, limits={"concurrency": 20}))
            subscriptions.create(author, script.id, "order.*", {"path": "data.total", "op": "gte", "value": 0})
        process.close(app)
        for command in ("scheduler", "worker"):
            stack.start(command)
        _publish(app, author, 30, lambda n: None)
        _wait_for_all(app)
        rate = _crowd(app, author)
        return {"events_per_s": round(rate, 1), **_steady(app, author, rate / 2)}


def _crowd(app: Flask, author: Principal) -> float:
    began = time.perf_counter()
    before = _performed(app)
    threads = [
        threading.Thread(target=_publish, args=(app, author, CROWD // PUBLISHERS, lambda n: None))
        for _ in range(PUBLISHERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _wait_for_all(app)
    return (_performed(app) - before) / (time.perf_counter() - began)


def _steady(app: Flask, author: Principal, rate: float) -> dict[str, object]:
    """At half of what was just reached."""
    first = time.time()
    began = time.perf_counter()

    def keep_pace(number: int) -> None:
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))

    taken = _publish(app, author, int(rate * STEADY_S), keep_pace)
    _wait_for_all(app)
    with app.app_context(), as_system(db.session):
        rows = db.session.execute(
            select(Event.created_at, Execution.started_at, Execution.finished_at)
            .join(Execution, Execution.event_id == Event.id).order_by(Event.created_at.desc()).limit(len(taken))
        ).all()  # fmt: skip
    rows = [row for row in rows if row[0].timestamp() >= first]
    return {
        "publish_ms": percentiles(taken),
        "publish_to_start_ms": percentiles([(started - made).total_seconds() * 1000 for made, started, _ in rows]),
        "publish_to_done_ms": percentiles([(done - made).total_seconds() * 1000 for made, _, done in rows]),
    }


def _publish(app: Flask, author: Principal, count: int, pace: Callable[[int], None]) -> list[float]:
    taken = []
    for number in range(count):
        pace(number)
        with app.app_context(), as_tenant(db.session, author.tenant.id):
            began = time.perf_counter()
            events.publish(author, "order.created", {"total": number, "client": "ООО «Навруз Трейд»"})
            taken.append((time.perf_counter() - began) * 1000)
    return taken


def _performed(app: Flask) -> int:
    with app.app_context(), as_system(db.session):
        query = select(func.count(Execution.id)).where(Execution.status == "succeeded")
        return db.session.scalar(query) or 0


def _wait_for_all(app: Flask) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with app.app_context(), as_system(db.session):
            query = select(Execution.id).where(Execution.status.in_(("queued", "running"))).limit(1)
            if db.session.scalar(query) is None:
                return
        time.sleep(0.05)
    raise RuntimeError("events were published and not performed")


def _matching() -> dict[str, float]:
    def condition(path: str, op: str, value: object) -> dict[str, object]:
        return {"path": path, "op": op, "value": value}

    rows = [
        SimpleNamespace(id=uuid4(), script_id=uuid4(), allow_self=False, event_type="order.*", filter=filters.check({"all": [
            condition("data.total", "gt", number), condition("data.region", "eq", "Tashkent"),
            {"any": [condition("data.items[*].sku", "eq", f"S{number}"), condition("data.tier", "in", ["gold", "silver"])]},
        ]}))
        for number in range(1_000)
    ]  # fmt: skip
    index = SubscriptionIndex(rows)
    event = {"type": "order.created", "data": {"total": 5_000, "region": "Tashkent", "items": [{"sku": "A"}] * 5}}
    times = []
    for _ in range(50):
        began = time.perf_counter()
        index.matching(event)
        times.append((time.perf_counter() - began) * 1000)
    return percentiles(times)


def _runtime_alone(seconds: float = 3.0) -> float:
    done, until = [0] * 4, time.monotonic() + seconds
    with Runtime(RuntimeConfig(pool_size=4)) as runtime:
        for _ in range(10):
            runtime.execute(SOURCE)

        def work(place: int) -> None:
            while time.monotonic() < until:
                runtime.execute(SOURCE)
                done[place] += 1

        until, began = time.monotonic() + seconds, time.perf_counter()
        threads = [threading.Thread(target=work, args=(place,)) for place in range(len(done))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return round(sum(done) / (time.perf_counter() - began), 1)


def _rq_noop(redis_url: str) -> float:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    answer = subprocess.run(
        [sys.executable, "-c", RQ_NOOP, redis_url], capture_output=True, check=True, env=environment
    )
    return round(float(json.loads(answer.stdout)), 1)
