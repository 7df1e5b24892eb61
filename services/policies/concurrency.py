"""How many runs of one script, and of one tenant, go on at the same time, over all processes: slots in Redis.

A slot is held under the run's id until it ends, or until its lease is over when its process died.
"""

import logging
import time
from collections.abc import Callable

from redis import RedisError

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


def concurrency(run: Callable[[Call], Outcome], call: Call) -> Outcome:
    keys = [f"slots:script:{call.script_id}", f"slots:tenant:{call.tenant_id}"]
    try:
        full = _take(keys, call)
    except RedisError:
        log.warning("runs are not counted: Redis does not answer")
        return run(call)
    if full:
        raise Busy("script" if full == 1 else "tenant")
    try:
        return run(call)
    finally:
        _leave(keys, call)


def _take(keys: list[str], call: Call) -> int:
    """0 with a slot in both; else which of the two is full, from 1."""
    longest = (call.limits["timeout_ms"] + settings().script_acquire_timeout_ms) / 1000 + GRACE_S
    most = call.limits["concurrency"], call.tenant_limits.get("concurrency", TENANT_CONCURRENCY)
    now = time.time()
    take = redis().register_script(_TAKE)
    return int(take(keys=keys, args=[now, now + longest, str(call.execution_id), *most]))


def _leave(keys: list[str], call: Call) -> None:
    try:
        steps = redis().pipeline(transaction=False)
        for key in keys:
            steps.zrem(key, str(call.execution_id))
        steps.execute()
    except RedisError:
        log.warning("a slot stays taken until its lease ends: Redis does not answer")
