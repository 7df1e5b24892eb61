"""sdk.cache on Redis: a tenant's values, within a tenant's share of the memory.

What a tenant keeps is counted in two keys beside its values: a sorted set of when each ends, a hash of how large each is.
A tenant that is full loses what would end soonest, and nobody else loses anything. Every change is one script inside
Redis, so counts and values never part, whoever else is at it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis import Redis, RedisError

from runtime.errors import HostError
from services.granted.facts import RunFacts, whole
from services.granted.redactor import refuse_secrets

MAX_VALUE_BYTES = 256 * 1024
MAX_TTL_SECONDS = 30 * 24 * 3600
TENANT_BYTES = 16 * 1024 * 1024
TENANT_ENTRIES = 10_000
_ENTRY_OVERHEAD = 100

# KEYS: the value, when each ends, how large each is. ARGV[1]: the member both know the value by.
_COUNTING = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function uncount(member)
  local size = tonumber(redis.call('HGET', KEYS[3], member) or 0)
  redis.call('ZREM', KEYS[2], member)
  redis.call('HDEL', KEYS[3], member)
  if size > 0 then redis.call('HINCRBY', KEYS[3], '', -size) end
end
local function count(member, ends, size)
  redis.call('ZADD', KEYS[2], ends, member)
  redis.call('HSET', KEYS[3], member, size)
  redis.call('HINCRBY', KEYS[3], '', size)
end
local function outlive_values()
  redis.call('PEXPIRE', KEYS[2], 2678400000)
  redis.call('PEXPIRE', KEYS[3], 2678400000)
end
local function make_room(prefix, size, most_bytes, most_entries)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)) do uncount(member) end
  while redis.call('ZCARD', KEYS[2]) >= most_entries
      or tonumber(redis.call('HGET', KEYS[3], '') or 0) + size > most_bytes do
    local soonest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
    if not soonest then break end
    redis.call('DEL', prefix .. soonest)
    uncount(soonest)
  end
end
"""
_SET = (
    _COUNTING
    + """
local member, value, ttl, size, prefix = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
uncount(member)
make_room(prefix, size, tonumber(ARGV[6]), tonumber(ARGV[7]))
redis.call('SET', KEYS[1], value, 'PX', ttl)
count(member, now + ttl, size)
outlive_values()
"""
)
_DELETE = (
    _COUNTING
    + """
uncount(ARGV[1])
return redis.call('DEL', KEYS[1])
"""
)
_EXPIRE = (
    _COUNTING
    + """
if redis.call('PEXPIRE', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], 'XX', now + tonumber(ARGV[2]), ARGV[1])
outlive_values()
return 1
"""
)
_INCREMENT = (
    _COUNTING
    + """
local member, step, ttl, size, prefix = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local known = redis.call('GET', KEYS[1])
if not known then
  uncount(member)
  make_room(prefix, size, tonumber(ARGV[6]), tonumber(ARGV[7]))
  redis.call('SET', KEYS[1], step, 'PX', ttl)
  count(member, now + ttl, size)
  outlive_values()
  return step
end
if not string.match(known, '^-?%d+$') then return 'not a number' end
if math.abs(tonumber(known) + tonumber(step)) > 9007199254740991 then return 'too large' end
redis.call('INCRBY', KEYS[1], step)
return redis.call('GET', KEYS[1])
"""
)


@dataclass(frozen=True, slots=True)
class Share:
    """What one tenant may keep."""

    bytes: int = TENANT_BYTES
    entries: int = TENANT_ENTRIES


class TenantCache:
    """The caches of one run: its script's own, and the one all scripts of the tenant share."""

    def __init__(self, redis: "Redis", facts: RunFacts, redact: Callable[[Any], Any]) -> None:
        share = Share(
            whole(facts.limits, "cache_bytes", TENANT_BYTES), whole(facts.limits, "cache_entries", TENANT_ENTRIES)
        )
        self.own = Cache(redis, facts.tenant_id, str(facts.script_id), share, redact)
        self.shared = Cache(redis, facts.tenant_id, "shared", share, redact)


class Cache:
    def __init__(self, redis: "Redis", tenant_id: UUID, space: str, share: Share, redact: Callable[[Any], Any]) -> None:
        self._redis, self._space, self._share, self._redact = redis, space, share, redact
        # The braces keep a tenant's keys together on a cluster.
        self._prefix = f"dastgoh:cache:{{{tenant_id}}}:"
        self._counts = [f"dastgoh:cache-ends:{{{tenant_id}}}", f"dastgoh:cache-sizes:{{{tenant_id}}}"]

    def get(self, key: str) -> Any:
        with _reachable():
            known = self._redis.get(self._name(key))
        return None if known is None else json.loads(known)

    def set(self, key: str, value: Any, ttl: float | None) -> None:
        text = json.dumps(self._redact(value), ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        )
        if len(text) > MAX_VALUE_BYTES:
            raise HostError("INVALID_INPUT", f"sdk.cache: a value has at most {MAX_VALUE_BYTES:,} bytes as JSON")
        size = self._size(key, len(text))
        if size > self._share.bytes:
            raise HostError("QUOTA_EXCEEDED", "sdk.cache: the value is larger than all this workspace may keep")
        self._call(_SET, key, text, _milliseconds(ttl), size, *self._room())

    def delete(self, key: str) -> bool:
        return bool(self._call(_DELETE, key))

    def exists(self, key: str) -> bool:
        with _reachable():
            return bool(self._redis.exists(self._name(key)))

    def increment(self, key: str, delta: int) -> int:
        sum_ = self._call(_INCREMENT, key, delta, _milliseconds(None), self._size(key, 20), *self._room())
        if sum_ == b"not a number":
            raise HostError("INVALID_INPUT", "sdk.cache: only a whole number can be incremented")
        if sum_ == b"too large":
            raise HostError("INVALID_INPUT", "sdk.cache: the sum is too large to be exact")
        return int(sum_)

    def expire(self, key: str, ttl: float) -> bool:
        return bool(self._call(_EXPIRE, key, _milliseconds(ttl)))

    def _call(self, script: str, key: str, *arguments: Any) -> Any:
        with _reachable():
            keys: list[bytes | str | memoryview] = [self._name(key), *self._counts]
            return self._redis.register_script(script)(keys=keys, args=[self._member(key), *arguments])

    def _room(self) -> tuple[str, int, int]:
        return self._prefix, self._share.bytes, self._share.entries

    def _size(self, key: str, value_bytes: int) -> int:
        return len(self._member(key)) + value_bytes + _ENTRY_OVERHEAD

    def _member(self, key: str) -> bytes:
        refuse_secrets(self._redact, key, "sdk.cache: a key")
        return f"{self._space}:{key}".encode("utf-8", "surrogatepass")

    def _name(self, key: str) -> bytes:
        return self._prefix.encode() + self._member(key)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except RedisError:
        raise HostError("HOST_UNAVAILABLE", "sdk.cache: the cache does not answer; try again later") from None


def _milliseconds(ttl: float | None) -> int:
    return max(1, int(1000 * min(MAX_TTL_SECONDS if ttl is None else ttl, MAX_TTL_SECONDS)))
