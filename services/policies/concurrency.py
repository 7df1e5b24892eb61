"""How many runs of one script, and of one tenant, go on at the same time, over all processes: slots in Redis.

A slot is held under the run's id (or a name of its process) until it ends, or until its lease is over when its process died.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from redis import Redis, RedisError
from redis.commands.core import Script

from runtime import Outcome
from services.calls import Call
from services.errors import Busy
from services.limits import TENANT_CONCURRENCY
from services.wiring import redis, settings

log = logging.getLogger(__name__)
GRACE_S = 30

# One step: forget the dead, count the living, take a slot in both sets or in none.
_TAKE = """
local now, ends, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
for i = 1, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[3 + i]) then return i end
end
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], ends, id)
  redis.call('PEXPIREAT', KEYS[i], math.ceil(ends * 1000) + 1000)
end
return 0
"""

# Only as they were seen: whoever took one again meanwhile, under the same name, keeps it.
_FREE_AS_SEEN = """
for i = 1, #KEYS do
  local ends = redis.call('ZSCORE', KEYS[i], ARGV[2 * i - 1])
  if ends and tonumber(ends) == tonumber(ARGV[2 * i]) then redis.call('ZREM', KEYS[i], ARGV[2 * i - 1]) end
end
"""


def concurrency(run: Callable[[Call], Outcome], call: Call) -> Outcome:
    if call.is_admitted:
        return run(call)
    [full] = take([call])
    if full:
        raise Busy(full)
    try:
        return run(call)
    finally:
        leave([call])


def take(calls: Sequence[Call]) -> list[str]:
    """Slots for each, in one round trip: "" where it has them now, else whose are all taken: script or tenant."""
    try:
        script = _script(redis(), _TAKE)
        if len(calls) == 1:
            answers = [script(keys=_keys(calls[0].tenant_id, calls[0].script_id), args=_args(calls[0]))]
        else:
            steps = redis().pipeline(transaction=False)
            for call in calls:
                script(keys=_keys(call.tenant_id, call.script_id), args=_args(call), client=steps)
            answers = steps.execute()
        return [("", "script", "tenant")[int(full)] for full in answers]
    except RedisError:
        log.warning("runs are not counted: Redis does not answer")
        return [""] * len(calls)


@lru_cache(maxsize=8)
def _script(connection: "Redis", text: str) -> Script:
    """Its digest is made once a connection, not once a run."""
    return connection.register_script(text)


def take_as(call: Call, name: str, ends: float) -> str:
    """One slot under a name that is not the run's; see services/places.py."""
    try:
        arguments: list[Any] = [time.time(), ends, name, *most_at_once(call)]
        full = _script(redis(), _TAKE)(keys=_keys(call.tenant_id, call.script_id), args=arguments)
        return ("", "script", "tenant")[int(full)]
    except RedisError:
        log.warning("a run is not counted: Redis does not answer")
        return ""


def leave(calls: Sequence[Call]) -> None:
    free([(call.tenant_id, call.script_id, str(call.execution_id)) for call in calls], redis())


def free_lost(tenant_id: UUID, script_id: UUID, execution_id: UUID, holder: str) -> None:
    """The slot of a run whose process can no longer free it, and those it kept for the same script."""
    kept = [name for name in held(tenant_id, script_id) if name.startswith(f"{holder}/")] if holder else []
    free([(tenant_id, script_id, name) for name in (str(execution_id), *kept)], redis())


def held(tenant_id: UUID, script_id: UUID) -> dict[str, float]:
    """The names under which slots of a script and of its tenant are taken, and when each is free again by itself."""
    try:
        steps = redis().pipeline(transaction=False)
        for key in _keys(tenant_id, script_id):
            steps.zrange(key, 0, -1, withscores=True)
        return {name.decode(): ends for names in steps.execute() for name, ends in names}
    except RedisError:
        return {}


def free_as_seen(slots: Sequence[tuple[UUID, UUID, str, float]]) -> None:
    """Slots given as tenant, script, name and the end that `held` told of."""
    keys: list[str] = []
    seen: list[Any] = []
    for tenant_id, script_id, name, ends in slots:
        for key in _keys(tenant_id, script_id):
            keys.append(key)
            seen += [name, ends]
    try:
        if keys:
            _script(redis(), _FREE_AS_SEEN)(keys=keys, args=seen)
    except RedisError:
        log.warning("slots of runs that are over stay taken: Redis does not answer")


def free(slots: Sequence[tuple[UUID, UUID, str]], connection: "Redis") -> None:
    """Slots given as tenant, script, name."""
    names: dict[str, list[str]] = defaultdict(list)
    for tenant_id, script_id, name in slots:
        for key in _keys(tenant_id, script_id):
            names[key].append(name)
    try:
        steps = connection.pipeline(transaction=False)
        for key, named in names.items():
            steps.zrem(key, *named)
        steps.execute()
    except RedisError:
        log.warning("a slot stays taken until its lease ends: Redis does not answer")


def _keys(tenant_id: UUID, script_id: UUID) -> list[str]:
    return [f"slots:script:{script_id}", f"slots:tenant:{tenant_id}"]


def _args(call: Call) -> list[Any]:
    return [time.time(), ends_of(call), str(call.execution_id), *most_at_once(call)]


def ends_of(call: Call) -> float:
    """When a slot taken now is free again by itself: no run takes longer."""
    return time.time() + (call.limits["timeout_ms"] + settings().script_acquire_timeout_ms) / 1000 + GRACE_S


def most_at_once(call: Call) -> tuple[int, int]:
    """Of its script, and of its tenant."""
    return call.limits["concurrency"], call.tenant_limits.get("concurrency", TENANT_CONCURRENCY)
