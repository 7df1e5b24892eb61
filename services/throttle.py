"""Counting failures and requests in Redis, over all processes. When Redis is away people still get in; what they lose is
the brake."""

import logging
import time

from redis import RedisError

from services.errors import RateLimited
from services.wiring import redis

log = logging.getLogger(__name__)


def check(key: str, limit: int) -> None:
    """Raise when `key` has been hit `limit` times within its window."""
    try:
        steps = redis().pipeline()
        steps.get(f"throttle:{key}")
        steps.pttl(f"throttle:{key}")
        count, left_ms = steps.execute()
    except RedisError:
        log.warning("throttle is off: Redis does not answer")
        return
    if int(count or 0) >= limit:
        raise RateLimited(max(left_ms, 1000) / 1000, "Too many attempts. Try again in %(seconds)s s.")


def hit(key: str, window_s: int) -> None:
    try:
        steps = redis().pipeline()
        steps.set(f"throttle:{key}", 0, ex=window_s, nx=True)
        steps.incr(f"throttle:{key}")
        steps.execute()
    except RedisError:
        log.warning("throttle is off: Redis does not answer")


def clear(key: str) -> None:
    try:
        redis().delete(f"throttle:{key}")
    except RedisError:
        log.warning("throttle is off: Redis does not answer")


def count(key: str, per_minute: int) -> None:
    """One more within this minute; raise when that is too many. One way to Redis and back."""
    minute, gone = divmod(time.time(), 60)
    name = f"throttle:{key}:{int(minute)}"
    try:
        steps = redis().pipeline(transaction=False)
        steps.incr(name)
        steps.expire(name, 120)
        counted, _ = steps.execute()
    except RedisError:
        log.warning("throttle is off: Redis does not answer")
        return
    if counted > per_minute:
        raise RateLimited(60 - gone, "Too many requests. Try again in %(seconds)s s.")
