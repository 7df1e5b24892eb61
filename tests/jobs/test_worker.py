"""What a worker does with the jobs of its queue, on a real Redis. What it does with their runs is in test_events_survive."""

import logging
from uuid import UUID, uuid4

import pytest
from flask import Flask
from redis import Redis
from rq.queue import Queue
from rq.serializers import JSONSerializer

from jobs.worker import LeanWorker
from services.queue import HandedOver, hand_over, queue


class Taken(list[HandedOver]):
    """In place of a dispatcher."""

    def add(self, runs) -> None:
        self.extend(runs)


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def redis(app: Flask) -> Redis:
    return app.extensions["redis"]


@pytest.fixture
def taken(app: Flask) -> Taken:
    app.extensions["dispatcher"] = Taken()
    return app.extensions["dispatcher"]


@pytest.fixture
def worker(app: Flask, redis: Redis) -> LeanWorker:
    made = LeanWorker([queue(redis)], connection=redis, serializer=JSONSerializer)
    made.app = app
    return made


def some_runs(count: int) -> list[HandedOver]:
    return [(uuid4(), uuid4(), uuid4()) for _ in range(count)]


def work(worker: LeanWorker) -> None:
    """What `worker.work(burst=True)` does, without taking over the signals of this process."""
    while found := Queue.dequeue_any(worker.queues, None, worker.connection, serializer=JSONSerializer):
        worker.execute_job(*found)


def test_it_takes_the_runs_of_a_job_and_leaves_nothing_of_it(redis: Redis, worker: LeanWorker, taken: Taken) -> None:
    runs = some_runs(5)
    hand_over(redis, [runs[:3], runs[3:]])

    work(worker)

    assert taken == runs
    assert redis.keys("rq:job:*") == redis.keys("rq:queue:*") == redis.keys("rq:execution*") == []


def test_it_asks_redis_little_for_a_job(redis: Redis, worker: LeanWorker, taken: Taken) -> None:
    def asked() -> int:
        return redis.info("stats")["total_commands_processed"]

    hand_over(redis, [some_runs(1) for _ in range(20)])
    before = asked()
    work(worker)

    assert len(taken) == 20
    assert asked() - before < 6 * 20


def test_a_job_that_cannot_be_taken_is_told_of_and_stops_no_other(
    redis: Redis, worker: LeanWorker, taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    [run] = some_runs(1)
    queue(redis).enqueue_many([Queue.prepare_data("jobs.tasks.take", args=([["neither", "nor", "id"]],), timeout=-1)])
    hand_over(redis, [[run]])

    with caplog.at_level(logging.ERROR, "jobs.worker"):
        work(worker)

    assert taken == [run] and isinstance(run[0], UUID)
    assert "could not be taken" in caplog.text
    assert redis.keys("rq:job:*") == redis.keys("rq:queue:*") == []
