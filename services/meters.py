"""Counters and histograms of the whole installation, summed in Redis so that every process adds to the same ones.

Adding is a dictionary update; a few times a second the sums are sent on.
"""

import json
import logging
import threading
from collections import defaultdict
from functools import lru_cache
from typing import Any

from redis import Redis, RedisError

log = logging.getLogger(__name__)

_KEY = "meters"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_lock = threading.Lock()
_pending: dict[str, float] = defaultdict(float)


def count(name: str, by: float = 1, **labels: str) -> None:
    with _lock:
        _pending[_field(name, labels)] += by


def observe(name: str, value: float, **labels: str) -> None:
    """One measurement of a histogram."""
    buckets, total, number = _histogram(name, tuple(sorted(labels.items())))
    with _lock:
        for edge, field in buckets:
            if value <= edge:
                _pending[field] += 1
        _pending[total] += value
        _pending[number] += 1


def flush(redis: "Redis") -> None:
    global _pending
    with _lock:
        sending, _pending = _pending, defaultdict(float)
    if not sending:
        return
    try:
        steps = redis.pipeline(transaction=False)
        for field, value in sending.items():
            steps.hincrbyfloat(_KEY, field, value)
        steps.execute()
    except RedisError:
        log.warning("measurements are sent on later: Redis does not answer")
        with _lock:
            for field, value in sending.items():
                _pending[field] += value


def read(redis: "Redis") -> list[tuple[str, dict[str, str], float]]:
    """(name, labels, value) of everything, as Prometheus lists it."""
    found = []
    for field, value in redis.hgetall(_KEY).items():
        name, labels = json.loads(field)
        found.append((name, labels, float(value)))
    return sorted(found, key=lambda item: (item[0], sorted(item[1].items())))


def _field(name: str, labels: dict[str, Any]) -> str:
    return _written(name, tuple(sorted(labels.items())))


# Every run counts a dozen things; the names of what it counts are always the same few.
@lru_cache(maxsize=4_096)
def _written(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    return json.dumps([name, dict(labels)])


@lru_cache(maxsize=256)
def _histogram(name: str, labels: tuple[tuple[str, str], ...]) -> tuple[list[tuple[float, str]], str, str]:
    edges = [(edge, str(edge)) for edge in BUCKETS] + [(float("inf"), "+Inf")]
    buckets = [(edge, _field(f"{name}_bucket", {**dict(labels), "le": text})) for edge, text in edges]
    return buckets, _written(f"{name}_sum", labels), _written(f"{name}_count", labels)
