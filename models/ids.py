"""UUIDv7: ids that sort by the time they were made, so that indexes grow at their end."""

import secrets
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """48 bits of milliseconds, 12 bits of their fraction (never repeated within a process), 62 random bits."""
    global _last
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    tick = milliseconds << 12 | rest * 4096 // 1_000_000
    with _lock:
        tick = _last = max(tick, _last + 1)
    value = (tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def made_at(id_: UUID) -> datetime:
    """By the clock of the machine that made it."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)
