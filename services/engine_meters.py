"""What the engines of a process tell of themselves: what grew goes to the counters, how they stand is kept beside that of
other processes, for whoever asks one of them wants to know of all."""

import json
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from redis import Redis, RedisError

from services import meters

log = logging.getLogger(__name__)

_KEY = "meters:engines"
# A process that said nothing for so long is gone.
STALE_S = 30.0

Growth = dict[tuple[str, str], int]  # a counter and its reason, if it has one


class EngineMeters:
    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._counted: Growth = {}

    def report(self, facts: Mapping[str, Any]) -> None:
        """`facts` is what Runtime.metrics() answers."""
        now = _totals(facts)
        for (name, reason), total in now.items():
            if grown := total - self._counted.get((name, reason), 0):
                meters.count(name, grown, **({"reason": reason} if reason else {}))
        self._counted = now
        pool = facts["pool"]
        states = {"idle": pool["available"], "busy": pool["in_use"], "failing": int(pool["last_error"] is not None)}
        try:
            self._redis.hset(_KEY, self._name, json.dumps({"at": time.time(), "states": states}))
        except RedisError:
            log.warning("the state of engines is not told: Redis does not answer")

    def close(self) -> None:
        try:
            self._redis.hdel(_KEY, self._name)
        except RedisError:
            log.warning("engines that are gone are told of for a while: Redis does not answer")


def _totals(facts: Mapping[str, Any]) -> Growth:
    pool, cache = facts["pool"], facts["compile_cache"]
    return {
        ("script_pool_created_total", ""): pool["created"],
        ("script_pool_errors_total", ""): pool["errors"],
        ("script_compile_cache_hits_total", ""): cache["hits"],
        ("script_compile_cache_misses_total", ""): cache["misses"],
        **{("script_pool_destroyed_total", reason): count for reason, count in pool["destroyed"].items()},
    }


def standing(redis: "Redis") -> dict[str, int]:
    """How many engines are in which state, over all processes that are alive; and how many of these cannot make any."""
    states: Counter[str] = Counter({"idle": 0, "busy": 0, "failing": 0})
    for name, told in redis.hgetall(_KEY).items():
        report = json.loads(told)
        if time.time() - report["at"] < STALE_S:
            states.update(report["states"])
        else:
            redis.hdel(_KEY, name)
    return dict(states)
