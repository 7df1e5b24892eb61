"""What /metrics says, as Prometheus reads it: counters and histograms of all processes, and how things stand this moment.

No tenant and no script is a label: there may be thousands, and who reads this may read of nobody's business.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from models.base import db
from services import backlog, engine_meters, meters
from services.wiring import redis

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Family:
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    has_labels: bool = False


FAMILIES = (
    Family("script_executions_total", "counter", "Attempts that ended, by what started them and how.", has_labels=True),
    Family("script_execution_errors_total", "counter", "Attempts that failed, by error code.", has_labels=True),
    Family("script_execution_duration_seconds", "histogram", "How long attempts ran."),
    Family("script_execution_wait_seconds", "histogram", "From wanting a run to its start; of retries, for an engine."),
    Family("script_pool_engines", "gauge", "Engine processes of all pools by state.", has_labels=True),
    Family("script_pool_acquire_seconds", "histogram", "How long attempts waited for an engine."),
    Family("script_pool_created_total", "counter", "Engines started."),
    Family("script_pool_failing", "gauge", "Processes that cannot start engines at the moment."),
    Family("script_pool_errors_total", "counter", "Engines that could not be started, or died at their birth."),
    Family("script_pool_destroyed_total", "counter", "Engines ended, by reason.", has_labels=True),
    Family("script_compile_cache_hits_total", "counter", "Sources that had been checked before."),
    Family("script_compile_cache_misses_total", "counter", "Sources that had not."),
    Family("script_api_calls_total", "counter", "SDK calls by API and outcome.", has_labels=True),
    Family("script_http_blocked_total", "counter", "Requests of scripts that were blocked, by reason.", has_labels=True),
    Family("events_received_total", "counter", "Events published."),
    Family("events_matched_total", "counter", "Deliveries that events led to."),
    Family("events_filtered_total", "counter", "Subscriptions whose filter let an event of their type go by."),
    Family("executions_queued", "gauge", "Runs that wait for their turn or their next attempt."),
    Family("oldest_queued_seconds", "gauge", "How long the oldest of them has existed."),
    Family("queue_pressure", "gauge", "1 while more runs wait than QUEUE_BOUND; publishers are told in a header."),
    Family("event_retries_total", "counter", "Deliveries that were queued for another attempt."),
    Family("dead_letters_total", "counter", "Deliveries that failed for good."),
    Family("scheduler_lag_seconds", "histogram", "From a schedule's time to its run in the queue."),
    Family("occurrences_total", "counter", "Times of schedules by what became of them.", has_labels=True),
)  # fmt: skip

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]  # name, labels, value
Samples = dict[str, list[Sample]]  # by family


class Unavailable(Exception):
    """Redis has the counters. None at all would look like zero."""


def text() -> str:
    try:
        meters.flush(redis())
        found = _counted()
        for name, labels, value in _standing():
            found[name].append((name, labels, value))
    except RedisError as away:
        raise Unavailable from away
    return "".join(line for family in FAMILIES for line in _lines(family, found[family.name]))


def _counted() -> Samples:
    kinds = {family.name: family.kind for family in FAMILIES}
    found: Samples = defaultdict(list)
    for name, labels, value in meters.read(redis()):
        family = name if name in kinds else name.rpartition("_")[0]
        found[family].append((name, labels, value))
    return found


def _standing() -> Iterator[Sample]:
    yield from _waiting()
    standing = engine_meters.standing(redis())
    yield "script_pool_failing", {}, standing.pop("failing")
    for state, count in sorted(standing.items()):
        yield "script_pool_engines", {"state": state}, count


def _waiting() -> Iterator[Sample]:
    """Nobody knows while the database is away; everything else is told then, too."""
    try:
        waiting = backlog.measure()
    except SQLAlchemyError:
        db.session.rollback()
        yield from (
            (name, {}, float("nan")) for name in ("executions_queued", "oldest_queued_seconds", "queue_pressure")
        )
        return
    yield "executions_queued", {}, waiting.waiting
    yield "oldest_queued_seconds", {}, waiting.oldest_s
    yield "queue_pressure", {}, waiting.is_over_bound


def _lines(family: Family, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
    if family.kind == "histogram":
        samples = _whole_histogram(family.name, samples)
    elif not samples and not family.has_labels:
        samples = [(family.name, {}, 0)]
    for name, labels, value in samples:
        yield f"{name}{_written(labels)} {_number(value)}\n"


def _number(value: float) -> str:
    return "NaN" if value != value else f"{value:.15g}"  # as Prometheus writes what nobody knows


def _whole_histogram(name: str, samples: list[Sample]) -> list[Sample]:
    """Every bucket there is, in order; what was never counted has no field of its own."""
    counted = {(sample, labels.get("le", "")): value for sample, labels, value in samples}
    edges = [*(str(edge) for edge in meters.BUCKETS), "+Inf"]
    buckets: list[Sample] = [
        (f"{name}_bucket", {"le": edge}, counted.get((f"{name}_bucket", edge), 0)) for edge in edges
    ]
    return [*buckets, *((f"{name}_{part}", {}, counted.get((f"{name}_{part}", ""), 0)) for part in ("sum", "count"))]


def _written(labels: Labels) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
    return f"{{{','.join(pairs)}}}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
