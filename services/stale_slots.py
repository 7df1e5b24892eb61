"""Slots that nobody freed although their runs are over: the process died between the two, or Redis was away just then.

Looked for when there seem to be none left, so that a crash costs seconds and not the longest time a run might have taken.
"""

import logging
import time
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from models.base import db
from models.execution import Execution
from models.tenancy import system_reading
from services.calls import Call
from services.policies import concurrency
from services.wiring import redis

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
MOST_KNOWN = 10_000

_RUNS = Execution.__table__
_ENDED = select(_RUNS.c.tenant_id, _RUNS.c.script_id, _RUNS.c.id).where(
    _RUNS.c.id.in_(bindparam("runs", expanding=True)), _RUNS.c.status != "running"
)
_looked_at: dict[UUID, float] = {}  # by script


def free(call: Call) -> None:
    """A run's slot is taken after its row says that it is running: a row that says so no longer needs none."""
    if not _is_time(call.script_id):
        return
    names = concurrency.held(call.tenant_id, call.script_id)
    runs = [run_id for name in names if (run_id := _run_of(name))]
    try:
        with system_reading(db.engine) as connection:
            ended = connection.execute(_ENDED, {"runs": runs}).all()
    except SQLAlchemyError:
        log.exception("slots that nobody freed are looked for again later")
        return
    if ended:
        concurrency.free([(tenant_id, script_id, str(run_id)) for tenant_id, script_id, run_id in ended], redis())


def _run_of(name: str) -> UUID | None:
    """Other names are those of processes; see services/places.py."""
    try:
        return UUID(name)
    except ValueError:
        return None


def _is_time(script_id: UUID) -> bool:
    now = time.monotonic()
    if now < _looked_at.get(script_id, float("-inf")) + LOOK_EVERY_S:
        return False
    if len(_looked_at) > MOST_KNOWN:
        _looked_at.clear()
    _looked_at[script_id] = now
    return True
