"""Counting failures in Redis, over all processes. When Redis is away people still get in; what they lose is the brake."""

import logging

from redis import RedisError

from services.errors import RateLimited
from services.wiring import redis

log = logging.getLogger(__name__)


def check(key: str, limit: int) -> None:
    """Raise when `key` has been hit `limit` times within its window."""
    try:
        count, left_ms = redis().pipeline().get(f"throttle:{key}").pttl(f"throttle:{key}").execute()
    except RedisError:
        log.warning("throttle is off: Redis does not answer")
        return
    if int(count or 0) >= limit:
        raise RateLimited(max(left_ms, 1000) / 1000)


def hit(key: str, window_s: int) -> None:
    try:
        redis().pipeline().set(f"throttle:{key}", 0, ex=window_s, nx=True).incr(f"throttle:{key}").execute()
    except RedisError:
        log.warning("throttle is off: Redis does not answer")


def clear(key: str) -> None:
    try:
        redis().delete(f"throttle:{key}")
    except RedisError:
        log.warning("throttle is off: Redis does not answer")
