"""/metrics: who may read it, every promised name, and numbers that come from what really happened."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy.exc import OperationalError

from models import db
from models.tenancy import as_tenant
from services import backlog, engine_meters, engines, executions, exposition, meters, process, scripts, subscriptions
from services.events import publish_batch
from services.scripts import Changes
from settings import Settings
from tests.conftest import Person, settings_for
from tests.support.http import Browser

TOKEN = "a token of the operators"
# CONTRACTS: what programs and dashboards rely on.
PROMISED = {
    "counter": {
        "script_executions_total", "script_execution_errors_total", "script_pool_created_total", "script_pool_destroyed_total",
        "script_pool_errors_total",
        "script_compile_cache_hits_total", "script_compile_cache_misses_total", "script_api_calls_total",
        "script_http_blocked_total", "events_received_total", "events_matched_total", "events_filtered_total",
        "event_retries_total", "dead_letters_total", "occurrences_total",
    },
    "gauge": {"script_pool_engines", "script_pool_failing", "executions_queued", "oldest_queued_seconds", "queue_pressure"},
    "histogram": {
        "script_execution_duration_seconds", "script_execution_wait_seconds", "script_pool_acquire_seconds",
        "scheduler_lag_seconds",
    },
}  # fmt: skip
LABELS = {"trigger", "status", "code", "state", "reason", "api", "outcome", "le"}

Samples = dict[str, float]


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def _nothing_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    """What earlier tests of this process counted is theirs."""
    monkeypatch.setattr(meters, "_pending", defaultdict(float))


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    environment = getattr(request, "param", {})
    return settings_for(
        settings.data_dir,
        REDIS_URL=settings.redis_url,
        DATABASE_URL=settings.database_url,
        QUEUE_BOUND="2",
        **environment,
    )


def read(text: str) -> tuple[dict[str, set[str]], Samples]:
    """Strictly, as Prometheus does: types before samples, and no sample outside a type."""
    kinds: dict[str, set[str]] = {}
    samples: Samples = {}
    current = ""
    for line in text.splitlines():
        if found := re.fullmatch(r"# TYPE (\w+) (counter|gauge|histogram)", line):
            current = found[1]
            kinds.setdefault(found[2], set()).add(current)
        elif not line.startswith("# HELP "):
            sample = re.fullmatch(r'(\w+)((?:\{(?:\w+="[^"\\]*",?)+\})?) (\S+)', line)
            assert sample, line
            assert sample[1].startswith(current), line
            assert sample[1] + sample[2] not in samples, line
            samples[sample[1] + sample[2]] = float(sample[3])
    return kinds, samples


def metrics(app: Flask) -> Samples:
    return read(app.test_client().get("/metrics").text)[1]


def test_every_promised_name_is_there_before_anything_happened(stranger: Browser) -> None:
    answer = stranger.get("/metrics")
    kinds, samples = read(answer.text)

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert kinds == PROMISED
    assert samples["events_received_total"] == samples["executions_queued"] == 0
    assert samples['scheduler_lag_seconds_bucket{le="+Inf"}'] == 0


@pytest.fixture
def waiting_runs(app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Three runs that wait, one event that a filter let go by."""
    monkeypatch.setattr(backlog, "LOOK_EVERY_S", 0)
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        script = scripts.create(alice.principal, Changes(name="Price new orders", source="return 1"))
        subscriptions.create(alice.principal, script.id, "order.*", {"path": "data", "op": "gt", "value": 0})
        publish_batch(alice.principal, [{"type": "order.created", "data": n} for n in range(4)])
    yield alice
    process.close(app)


def test_it_tells_what_events_led_to_and_what_waits(app: Flask, waiting_runs: Person) -> None:
    samples = metrics(app)

    # The script's own beginning is an event too.
    assert samples["events_received_total"] >= 4
    assert (samples["events_matched_total"], samples["events_filtered_total"]) == (3, 1)
    assert (samples["executions_queued"], samples["queue_pressure"]) == (3, 1)
    assert samples["oldest_queued_seconds"] > 0


def test_it_tells_how_runs_went_and_how_engines_stand(app: Flask, alice: Person) -> None:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        for name, source in (("A", "await sdk.cache.get('x'); return 1"), ("B", "throw new Error('no')")):
            script = scripts.create(alice.principal, Changes(name=f"Script {name}", source=source))
            run = executions.start(alice.principal, script.id)
            executions.wait_for(alice.principal, run.id, 30)
        engine_meters.EngineMeters(app.extensions["redis"]).report(engines.engines_of(app).metrics())
    samples = metrics(app)
    process.close(app)

    assert samples['script_executions_total{status="succeeded",trigger="manual"}'] == 1
    assert samples['script_executions_total{status="failed",trigger="manual"}'] == 1
    assert samples['script_execution_errors_total{code="RUNTIME_ERROR"}'] == 1
    assert samples['script_api_calls_total{api="cache",outcome="ok"}'] == 1
    for name in ("duration", "wait"):
        assert samples[f"script_execution_{name}_seconds_count"] == 2
        assert samples[f'script_execution_{name}_seconds_bucket{{le="+Inf"}}'] == 2
    assert samples["script_execution_wait_seconds_sum"] >= samples["script_pool_acquire_seconds_sum"] >= 0
    assert samples["script_pool_created_total"] >= 1
    assert samples['script_pool_engines{state="idle"}'] + samples['script_pool_engines{state="busy"}'] >= 1


def test_buckets_only_grow_and_end_with_the_count(app: Flask) -> None:
    for seconds in (0.001, 0.3, 400.0):
        meters.observe("scheduler_lag_seconds", seconds)
    samples = metrics(app)

    buckets = [value for name, value in samples.items() if name.startswith("scheduler_lag_seconds_bucket")]
    assert buckets == sorted(buckets) and len(buckets) == len(meters.BUCKETS) + 1
    assert buckets[0] == 1 and buckets[-1] == samples["scheduler_lag_seconds_count"] == 3
    assert samples["scheduler_lag_seconds_sum"] == pytest.approx(400.301)


def test_nobodys_business_is_a_label(app: Flask, waiting_runs: Person) -> None:
    text = app.test_client().get("/metrics").text

    assert {name for labels in re.findall(r"\{(.*?)\}", text) for name in re.findall(r'(\w+)="', labels)} <= LABELS
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text) and "acme" not in text


def test_counters_are_summed_over_processes_and_engines_of_the_dead_are_forgotten(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = app.extensions["redis"]
    facts = {"pool": {"created": 3, "errors": 1, "last_error": "no memory", "destroyed": {"worn": 1}, "available": 2, "in_use": 1},
             "compile_cache": {"hits": 5, "misses": 2}}  # fmt: skip
    one, other = engine_meters.EngineMeters(redis), engine_meters.EngineMeters(redis)
    other._name = "elsewhere:1"
    for process_meters in (one, one, other):
        process_meters.report(facts)
    samples = metrics(app)

    assert (samples["script_pool_created_total"], samples["script_compile_cache_hits_total"]) == (6, 10)
    assert samples['script_pool_destroyed_total{reason="worn"}'] == 2
    assert (samples['script_pool_engines{state="idle"}'], samples['script_pool_engines{state="busy"}']) == (4, 2)
    assert (samples["script_pool_errors_total"], samples["script_pool_failing"]) == (2, 2)
    one.close()
    assert metrics(app)['script_pool_engines{state="idle"}'] == 2
    monkeypatch.setattr(engine_meters, "STALE_S", -1.0)
    assert metrics(app)['script_pool_engines{state="idle"}'] == 0


def test_without_redis_it_says_so_instead_of_zero(app: Flask) -> None:
    app.extensions["redis"] = Redis(unix_socket_path="/nowhere/redis.sock")

    assert app.test_client().get("/metrics").status_code == 503


def test_while_the_database_is_away_the_rest_is_told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(backlog, "measure", away)
    meters.count("dead_letters_total", 2)
    told = app.test_client().get("/metrics")

    assert told.status_code == 200
    assert "dead_letters_total 2\n" in told.text
    assert "executions_queued NaN\n" in told.text


def test_what_was_counted_while_redis_was_away_is_not_forgotten(app: Flask) -> None:
    meters.count("dead_letters_total", 2)
    meters.observe("scheduler_lag_seconds", 0.5)
    meters.flush(Redis(unix_socket_path="/nowhere/redis.sock"))
    meters.count("dead_letters_total")
    samples = metrics(app)

    assert (samples["dead_letters_total"], samples["scheduler_lag_seconds_count"]) == (3, 1)


def test_a_label_is_written_so_that_it_can_be_read() -> None:
    assert exposition._written({"code": 'a"b\\c\nd'}) == '{code="a\\"b\\\\c\\nd"}'


@pytest.mark.parametrize("settings", [{"METRICS_TOKEN": TOKEN.replace(" ", "-")}], indirect=True, ids=["token"])
def test_with_a_token_only_who_brings_it_reads(app: Flask, root: Person, sign_in: Callable[[Person], Browser]) -> None:
    client, right = app.test_client(), TOKEN.replace(" ", "-")

    for wrong in ("", "Bearer", "Bearer wrong", f"Basic {right}", f"Bearer {right}x", "Bearer \xff"):
        answer = client.get("/metrics", headers={"Authorization": wrong} if wrong else {})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), wrong
        assert "_total" not in answer.text
    assert client.get("/metrics", headers={"Authorization": f"Bearer {right}"}).status_code == 200
    assert sign_in(root).get("/metrics").status_code == 401


def test_without_a_token_only_this_machine_reads_and_only_in_development(app: Flask) -> None:
    def ask(address: str) -> int:
        return app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address}).status_code

    assert [ask(address) for address in ("127.0.0.1", "::1", "192.0.2.7", "", "unix:")] == [200, 200, 404, 404, 404]


@pytest.mark.parametrize("settings", [{"SECRET_KEY": "x" * 40}], indirect=True, ids=["production"])
def test_in_production_without_a_token_there_is_no_such_page(app: Flask) -> None:
    assert app.test_client().get("/metrics").status_code == 404
