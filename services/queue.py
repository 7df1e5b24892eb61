"""The way to the workers: the only import of rq outside jobs/."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from settings import Settings

QUEUE_NAME = "dastgoh"

CONNECT_SECONDS = 2
ANSWER_SECONDS = 5


def connection(settings: Settings) -> Redis:
    """Waiting for a lost Redis must not hold a request: short timeouts, and one retry on a stale connection."""
    return Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
    )
