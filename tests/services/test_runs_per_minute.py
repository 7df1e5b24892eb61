"""The count itself: exact close to the limit whoever asks, and cheap far from it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from redis import Redis

from services.runs_per_minute import UNASKED, RunsPerMinute


class Clock:
    def __init__(self) -> None:
        self.now = 1_200_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connection:
        connection.flushdb()
        yield connection


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tenant() -> UUID:
    return uuid4()


def questions(redis: Redis) -> int:
    return int(redis.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))


@pytest.mark.parametrize("most", [1, 3, 31, 32, 600])
def test_one_process_begins_exactly_as_many_as_may(redis: Redis, clock: Clock, tenant: UUID, most: int) -> None:
    counted = RunsPerMinute(redis, clock)
    assert [counted.spend(tenant, most) for _ in range(most + 5)] == [1] * most + [0] * 5


def test_several_processes_share_a_small_limit_exactly(redis: Redis, clock: Clock, tenant: UUID) -> None:
    processes = [RunsPerMinute(redis, clock) for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        granted = list(threads.map(lambda n: processes[n % 4].spend(tenant, 25), range(100)))
    assert sum(granted) == 25


def test_several_processes_exceed_a_large_limit_by_no_more_than_their_parts(
    redis: Redis, clock: Clock, tenant: UUID
) -> None:
    processes, most = [RunsPerMinute(redis, clock) for _ in range(4)], 640
    granted = sum(processes[n % 4].spend(tenant, most) for n in range(3 * most))
    assert most <= granted <= most + len(processes) * (most // UNASKED)


def test_far_from_the_limit_redis_is_asked_now_and_then(redis: Redis, clock: Clock, tenant: UUID) -> None:
    counted = RunsPerMinute(redis, clock)
    counted.spend(tenant, 1_000_000)
    before = questions(redis)
    assert all(counted.spend(tenant, 1_000_000) for _ in range(1_000))
    assert questions(redis) == before


def test_who_has_had_all_asks_no_more_until_the_next_minute(redis: Redis, clock: Clock, tenant: UUID) -> None:
    counted = RunsPerMinute(redis, clock)
    assert [counted.spend(tenant, 2), counted.spend(tenant, 2), counted.spend(tenant, 2)] == [1, 1, 0]
    before = questions(redis)
    assert counted.spend(tenant, 2) == 0 and not counted.has_room(tenant, 2)
    assert questions(redis) == before

    clock.now += counted.resets_in()
    assert counted.has_room(tenant, 2)
    assert counted.spend(tenant, 2) == 1


def test_of_many_at_once_as_many_begin_as_there_is_room_for(redis: Redis, clock: Clock, tenant: UUID) -> None:
    counted, other = RunsPerMinute(redis, clock), RunsPerMinute(redis, clock)
    assert counted.spend(tenant, 10, 7) == 7
    assert other.spend(tenant, 10, 7) == 3
    assert counted.spend(tenant, 10, 7) == 0


def test_a_look_counts_nothing_and_sees_what_others_spent(redis: Redis, clock: Clock, tenant: UUID) -> None:
    here, there = RunsPerMinute(redis, clock), RunsPerMinute(redis, clock)
    assert [here.has_room(tenant, 1) for _ in range(3)] == [True] * 3
    assert there.spend(tenant, 1) == 1
    assert not here.has_room(tenant, 1)


def test_another_limit_counts_from_the_next_run_on(redis: Redis, clock: Clock, tenant: UUID) -> None:
    counted = RunsPerMinute(redis, clock)
    assert [counted.spend(tenant, 1), counted.spend(tenant, 1)] == [1, 0]
    assert [counted.spend(tenant, 3) for _ in range(3)] == [1, 1, 0], "one of the three was spent before"
    assert counted.spend(tenant, 2) == 0


def test_tenants_do_not_count_for_each_other(redis: Redis, clock: Clock, tenant: UUID) -> None:
    counted = RunsPerMinute(redis, clock)
    assert [counted.spend(tenant, 1), counted.spend(tenant, 1), counted.spend(uuid4(), 1)] == [1, 0, 1]


def test_what_was_counted_is_forgotten(redis: Redis, clock: Clock, tenant: UUID) -> None:
    RunsPerMinute(redis, clock).spend(tenant, 5)
    assert [0 < redis.ttl(key) <= 120 for key in redis.scan_iter("runs:*")] == [True]


def test_without_redis_runs_are_not_held_up(clock: Clock, tenant: UUID) -> None:
    counted = RunsPerMinute(Redis(unix_socket_path="/nowhere/redis.sock", retry=None), clock)
    assert counted.spend(tenant, 1, 5) == 5
    assert counted.has_room(tenant, 1)
