"""What a run says while it runs, readable from any web process: a short-lived list in Redis beside the row.

A run never waits for it and never fails because of it: lines are gathered in this process and sent a few times a second.
"""

import json
import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from redis import Redis, RedisError

from services.wiring import redis

log = logging.getLogger(__name__)

KEEP_S = 900
MOST_ITEMS = 2_000
LOG, CALL = "log", "call"


@dataclass(frozen=True)
class Live:
    logs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)


def read(execution_id: UUID) -> Live:
    """Everything so far; nothing when Redis is away, or when the run is long over."""
    try:
        items = [json.loads(item) for item in redis().lrange(_key(execution_id), 0, MOST_ITEMS)]
    except RedisError:
        log.warning("live lines are not readable: Redis does not answer")
        return Live()
    calls = {item["id"]: item for kind, item in items if kind == CALL}  # a call is told twice: begun, and ended
    return Live([item for kind, item in items if kind == LOG], list(calls.values()))


class Feed:
    """The sending end, one a process."""

    def __init__(self, connection: "Redis") -> None:
        self._redis, self._lock = connection, threading.Lock()
        self._waiting: dict[UUID, list[str]] = defaultdict(list)
        self._sent: dict[UUID, int] = defaultdict(int)

    def post(self, execution_id: UUID, kind: str, item: dict[str, Any]) -> None:
        line = json.dumps([kind, item])
        with self._lock:
            if self._sent[execution_id] < MOST_ITEMS:
                self._sent[execution_id] += 1
                self._waiting[execution_id].append(line)

    def flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, defaultdict(list)
        if not waiting:
            return
        try:
            steps = self._redis.pipeline(transaction=False)
            for execution_id, lines in waiting.items():
                steps.rpush(_key(execution_id), *lines)
                steps.expire(_key(execution_id), KEEP_S)
            steps.execute()
        except RedisError:
            log.warning("live lines are lost: Redis does not answer")

    def end(self, execution_id: UUID) -> None:
        """The row holds it all now."""
        with self._lock:
            unsent = self._waiting.pop(execution_id, [])
            told = self._sent.pop(execution_id, 0)
        if told > len(unsent):
            try:
                self._redis.expire(_key(execution_id), 30)  # a reader may be between the row and the list
            except RedisError:
                log.warning("live lines stay until they expire: Redis does not answer")


def _key(execution_id: UUID) -> str:
    return f"live:{execution_id}"
