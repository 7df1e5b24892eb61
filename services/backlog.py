"""How much waits to be performed, over all tenants: for metrics, and for publishers when it is too much."""

import threading
import time
from dataclasses import dataclass

from sqlalchemy import func, select

from models.base import db, utcnow
from models.database import reading
from models.execution import Execution
from models.tenancy import as_system
from services.wiring import settings

LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Backlog:
    waiting: int
    oldest_s: float
    is_over_bound: bool


_last: dict[int, tuple[float, Backlog]] = {}
_lock = threading.Lock()


def measure() -> Backlog:
    """As of a second ago at most: publishers ask often. Runs that wait for their next attempt count as well."""
    key = id(db.engine)
    with _lock:
        at, known = _last.get(key, (0.0, None))
        if known and time.monotonic() - at < LOOK_EVERY_S:
            return known
    found = _look()
    with _lock:
        _last[key] = time.monotonic(), found
    return found


def _look() -> Backlog:
    query = select(func.count(Execution.id), func.min(Execution.created_at)).where(Execution.status == "queued")
    with as_system(db.session), reading():
        waiting, oldest = db.session.execute(query).one()
        db.session.commit()
    oldest_s = max(0.0, (utcnow() - oldest).total_seconds()) if oldest else 0.0
    return Backlog(waiting, oldest_s, waiting > settings().queue_bound)
