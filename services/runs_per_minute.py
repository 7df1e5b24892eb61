"""How many runs of a tenant begin in a minute of the clock, over all processes: one number in Redis for each minute.

A process does not ask for every run. It spends a small part of what was left when it last asked, and says so with its next
question: far from its limit a tenant's run costs nothing here, and close to it every single one is counted.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from redis import Redis, RedisError

from services.per_process import have, this_app
from services.wiring import redis

log = logging.getLogger(__name__)

UNASKED = 32  # one part in so many of what is left may be spent before the next question
KEPT_S = 120
MOST_KNOWN = 10_000

_SPEND = """
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
local granted = math.max(0, math.min(tonumber(ARGV[2]), tonumber(ARGV[3]) - total))
if granted > 0 then total = redis.call('INCRBY', KEYS[1], granted) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {granted, tonumber(ARGV[3]) - total}
"""


@dataclass
class _Minute:
    number: int
    most: int
    left: int | None = None  # as Redis said when it was last asked
    unsaid: int = 0  # spent since

    @property
    def is_used_up(self) -> bool:
        return self.left is not None and self.left <= 0

    def may_spend_unasked(self, wanted: int) -> bool:
        return self.left is not None and self.unsaid + wanted <= self.left // UNASKED


class RunsPerMinute:
    """One a process."""

    def __init__(self, redis: "Redis", clock: Callable[[], float] = time.time) -> None:
        self._spend = redis.register_script(_SPEND)
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: dict[UUID, _Minute] = {}

    def spend(self, tenant_id: UUID, most: int, wanted: int = 1) -> int:
        """How many of the wanted runs may begin now: they are counted, and the others have to wait for the next minute."""
        with self._lock:
            minute = self._current(tenant_id, most)
            if minute.is_used_up:
                return 0
            if minute.may_spend_unasked(wanted):
                minute.unsaid += wanted
                return wanted
            unsaid, minute.unsaid = minute.unsaid, 0
        return self._ask(tenant_id, minute, unsaid, wanted)

    def has_room(self, tenant_id: UUID, most: int) -> bool:
        """Whether one more could begin now. Nothing is counted."""
        with self._lock:
            minute = self._current(tenant_id, most)
            if minute.is_used_up or minute.may_spend_unasked(1):
                return not minute.is_used_up
            unsaid, minute.unsaid = minute.unsaid, 0
        self._ask(tenant_id, minute, unsaid, 0)
        return not minute.is_used_up

    def resets_in(self) -> float:
        return 60 - self._clock() % 60

    def is_over(self, moment: float) -> bool:
        """Whether the minute of that moment is."""
        return moment // 60 < self._clock() // 60

    def _current(self, tenant_id: UUID, most: int) -> _Minute:
        number = int(self._clock() // 60)
        minute = self._minutes.get(tenant_id)
        if minute is None or minute.number != number:
            if len(self._minutes) >= MOST_KNOWN:
                self._minutes.clear()
            minute = self._minutes[tenant_id] = _Minute(number, most)
        elif minute.most != most:  # somebody set another limit: what was said of the old one is void
            minute.most, minute.left = most, None
        return minute

    def _ask(self, tenant_id: UUID, minute: _Minute, unsaid: int, wanted: int) -> int:
        try:
            granted, left = self._spend(
                keys=[f"runs:{tenant_id}:{minute.number}"], args=[unsaid, wanted, minute.most, KEPT_S]
            )
        except RedisError:
            log.warning("runs are not counted: Redis does not answer")
            return wanted
        with self._lock:
            # Two may have asked at once, and the later answer come first.
            minute.left = left if minute.left is None else min(minute.left, left)
        return int(granted)


def runs_per_minute() -> RunsPerMinute:
    return have(this_app(), "runs_per_minute", lambda: RunsPerMinute(redis()))
