"""sdk.cache on a real Redis: shares of tenants, ends of values, counts that never part from what they count."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis import Redis

from runtime import HostError
from services.granted import cache as caches
from services.granted.cache import TenantCache
from services.granted.facts import RunFacts


@pytest.fixture
def redis(redis_url: str) -> Redis:
    redis = Redis.from_url(redis_url)
    redis.flushdb()
    return redis


@pytest.fixture
def make(redis: Redis) -> Callable[..., TenantCache]:
    def make(tenant: UUID | None = None, script: UUID | None = None, **limits: Any) -> TenantCache:
        return TenantCache(redis, RunFacts(uuid4(), tenant or uuid4(), "t", script or uuid4(), "S", None, frozenset(), 0, 1, "", None, limits), lambda value: value)  # fmt: skip

    return make


def counted(redis: Redis) -> tuple[int, int]:
    """Entries and bytes, as the counts of the one tenant in Redis have them."""
    (ends,), (sizes,) = redis.keys("dastgoh:cache-ends:*"), redis.keys("dastgoh:cache-sizes:*")
    kept = redis.hgetall(sizes)
    total = int(kept.pop(b"", 0))
    assert total == sum(map(int, kept.values()))
    assert len(kept) == redis.zcard(ends)
    return len(kept), total


@pytest.mark.parametrize(
    "value", [None, True, 0, -1, 1.5, "", "ʻЎз\u0000\ud800", [], {"a": [1, {"b": None}]}, "x" * 250_000]
)
def test_any_json_value_comes_back(make: Callable[..., TenantCache], value: Any) -> None:
    cache = make().own
    cache.set("k", value, None)
    assert cache.get("k") == value
    assert cache.exists("k")


def test_scripts_and_tenants_have_keys_of_their_own(make: Callable[..., TenantCache]) -> None:
    tenant, script = uuid4(), uuid4()
    mine = make(tenant, script)
    mine.own.set("k", "mine", None)
    mine.shared.set("k", "ours", None)

    assert make(tenant, script).own.get("k") == "mine"
    assert make(tenant).own.get("k") is None
    assert make(tenant).shared.get("k") == "ours"
    assert make(uuid4(), script).own.get("k") is None
    assert make().shared.get("k") is None


def test_no_key_reaches_over_to_another_space(make: Callable[..., TenantCache]) -> None:
    tenant, victim = uuid4(), uuid4()
    make(tenant, victim).own.set("k", "secret", None)
    for key in (f"{victim}:k", f":{victim}:k", f"../{victim}:k", "*", f"}}:{victim}:k", "\r\nGET k"):
        assert make(tenant).own.get(key) is None
        assert make(tenant).shared.get(key) is None
        assert not make(tenant).own.delete(key)


def test_a_value_ends_with_its_time(make: Callable[..., TenantCache]) -> None:
    cache = make().own
    cache.set("k", 1, 0.05)
    cache.set("long", 1, 10**12)
    assert cache.expire("long", 0.05)
    assert not cache.expire("never", 5)
    time.sleep(0.12)
    assert (cache.get("k"), cache.get("long")) == (None, None)


def test_increment_adds_to_whole_numbers_only(make: Callable[..., TenantCache]) -> None:
    cache = make().own
    assert [cache.increment("n", 1), cache.increment("n", 10), cache.increment("n", -20)] == [1, 11, -9]
    cache.set("n", 5, 60)
    assert cache.increment("n", 1) == 6
    for value in ("text", "5", 1.5, [1], None):
        cache.set("other", value, None)
        with pytest.raises(HostError, match="whole number"):
            cache.increment("other", 1)
    cache.set("large", 2**53 - 1, None)
    with pytest.raises(HostError, match="too large"):
        cache.increment("large", 1)
    assert cache.get("large") == 2**53 - 1


def test_an_increment_keeps_the_end_of_its_value(redis: Redis, make: Callable[..., TenantCache]) -> None:
    cache = make().own
    cache.set("n", 1, 50)
    cache.increment("n", 1)
    (name,) = redis.keys("dastgoh:cache:*")
    assert 0 < redis.pttl(name) <= 50_000


def test_increments_at_the_same_time_lose_nothing(
    make: Callable[..., TenantCache], side_by_side: Callable[..., list[Any]]
) -> None:
    cache = make().own
    side_by_side(*[lambda: [cache.increment("n", 1) for _ in range(100)]] * 6)
    assert cache.get("n") == 600


def test_a_full_tenant_loses_what_would_end_soonest_and_nobody_else_does(
    redis: Redis, make: Callable[..., TenantCache]
) -> None:
    stranger = make()
    stranger.own.set("k", "x", None)
    full = make(cache_entries=3)
    for ttl, key in ((300, "a"), (100, "b"), (200, "c"), (400, "d")):
        full.own.set(key, ttl, ttl)
    assert [full.own.exists(key) for key in "abcd"] == [True, False, True, True]
    full.shared.increment("n", 1)
    assert [full.own.exists(key) for key in "abcd"] == [True, False, False, True]
    assert stranger.own.get("k") == "x"


def test_bytes_are_counted_through_every_change(redis: Redis, make: Callable[..., TenantCache]) -> None:
    cache = make(cache_bytes=5_000)
    cache.own.set("a", "x" * 1_000, 60)
    cache.own.set("a", "x" * 500, 60)
    cache.own.set("b", 1, 0.5)
    cache.own.increment("n", 5)
    cache.own.delete("a")
    assert counted(redis)[0] == 2
    time.sleep(0.55)
    cache.own.set("c", "x" * 3_000, 60)
    entries, size = counted(redis)
    assert entries == 2
    assert 3_000 < size < 5_000
    cache.own.set("d", "x" * 4_000, 60)
    assert [cache.own.exists(key) for key in "cd"] == [False, True]
    assert counted(redis)[0] == 2


def test_what_is_too_large_is_refused(make: Callable[..., TenantCache]) -> None:
    with pytest.raises(HostError) as refusal:
        make().own.set("k", "x" * caches.MAX_VALUE_BYTES, None)
    assert refusal.value.code == "INVALID_INPUT"
    with pytest.raises(HostError) as refusal:
        make(cache_bytes=1_000).own.set("k", "x" * 2_000, None)
    assert refusal.value.code == "QUOTA_EXCEEDED"


def test_a_redis_that_is_away_is_an_error_one_may_retry(tmp_path: Any) -> None:
    away = Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    cache = TenantCache(
        away, RunFacts(uuid4(), uuid4(), "t", uuid4(), "S", None, frozenset(), 0, 1, "", None, {}), lambda value: value
    ).own
    for call in (lambda: cache.get("k"), lambda: cache.set("k", 1, None), lambda: cache.increment("k", 1), lambda: cache.delete("k"),
                 lambda: cache.exists("k"), lambda: cache.expire("k", 5)):  # fmt: skip
        with pytest.raises(HostError) as refusal:
            call()
        assert (refusal.value.code, refusal.value.retryable) == ("HOST_UNAVAILABLE", True)
        assert str(tmp_path) not in refusal.value.message
