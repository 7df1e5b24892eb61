"""How many calls a minute a run may make of each API: a bucket of tokens each, full at the start."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import Any

from runtime.errors import HostError
from services.granted.facts import RunFacts, whole

PER_MINUTE = {"db": 60, "http": 60, "cache": 120, "events": 30}
LOG_LINES_PER_MINUTE = 100
# They end what an earlier call began; refusing them would only leave it open.
ALWAYS_FREE = frozenset({"commit", "rollback"})

Functions = Mapping[str, Any]


class Bucket:
    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._tokens = float(per_minute)
        self._counted_at = clock()
        self._lock = Lock()

    def take(self) -> float:
        """0 when the call may go on, otherwise the seconds until it might."""
        with self._lock:
            now = self._clock()
            gained = (now - self._counted_at) * self.per_minute / 60
            self._tokens, self._counted_at = min(self.per_minute, self._tokens + gained), now
            if self._tokens < 1:
                return (1 - self._tokens) * 60 / self.per_minute
            self._tokens -= 1
            return 0.0


def limited(api: str, functions: Functions, facts: RunFacts) -> Functions:
    """The same functions, sharing one bucket where their API has one."""
    if api not in PER_MINUTE:
        return functions
    return _behind(Bucket(whole(facts.limits, f"{api}_per_minute", PER_MINUTE[api])), api, functions)


def log_lines(limits: Mapping[str, Any], timeout_ms: int, most: int) -> int:
    """How many lines a run may write in its time. The engine keeps head and tail of more; it never refuses a line."""
    return min(most, int(whole(limits, "log_per_minute", LOG_LINES_PER_MINUTE) * (1 + timeout_ms / 60_000)))


def _behind(bucket: Bucket, api: str, functions: Functions) -> Functions:
    return {
        name: _behind(bucket, api, function)
        if isinstance(function, Mapping)
        else function
        if name in ALWAYS_FREE
        else _counted(bucket, api, function)
        for name, function in functions.items()
    }


def _counted(bucket: Bucket, api: str, function: Callable[..., Any]) -> Callable[..., Any]:
    return partial(_call, bucket, api, function)  # made a score of times for every run, so without a closure


def _call(bucket: Bucket, api: str, function: Callable[..., Any], *args: Any) -> Any:
    wait = bucket.take()
    if wait:
        raise HostError(
            "RATE_LIMITED",
            f"sdk.{api}: more than {bucket.per_minute} calls a minute; the next is free in {wait:.1f} s",
            details={"retry_after": round(wait, 3)},
        )
    return function(*args)
