"""The way to the workers: the only import of rq outside jobs/.

A job carries the ids of a few runs with whose they are, never a payload; the row of each run is the truth.
"""

from collections.abc import Sequence
from uuid import UUID

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from settings import Settings

QUEUE_NAME = "dastgoh"
# By name: services know no jobs.
TASK = "jobs.tasks.take"
# RQ's own bookkeeping of a job is worth nothing once it was taken, and little when it could not be.
KEEP_FAILED_S = 3600

CONNECT_SECONDS = 2
ANSWER_SECONDS = 5
IMPATIENT_SECONDS = 2

HandedOver = tuple[UUID, UUID, UUID]  # tenant, script, run


def connection(settings: Settings) -> Redis:
    """Waiting for a lost Redis must not hold a request: short timeouts, and one retry on a stale connection."""
    return Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
    )


def impatient_connection(settings: Settings) -> Redis:
    """For what scripts wait for: a Redis that hangs is told of within seconds. One that closed a kept connection is asked again."""
    return Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=IMPATIENT_SECONDS,
        socket_timeout=IMPATIENT_SECONDS,
        retry=Retry(NoBackoff(), 1, (ConnectionError,)),
    )


def queue(redis: "Redis") -> Queue:
    return Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)


def hand_over(redis: "Redis", batches: Sequence[Sequence[HandedOver]]) -> None:
    """One job a batch, in one round trip."""
    queue(redis).enqueue_many([
        Queue.prepare_data(
            TASK, args=([[str(part) for part in run] for run in batch],),
            timeout=-1, result_ttl=0, failure_ttl=KEEP_FAILED_S, description="runs",
        )
        for batch in batches
    ])  # fmt: skip
