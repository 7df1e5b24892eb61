"""Slots that nobody freed although their runs are over: the process died, or Redis was away just then.

Looked for when there seem to be none left, so that a crash costs seconds and not the longest time a run might have taken.
"""

import logging
import time
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from models.base import db
from models.execution import Execution
from models.tenancy import system_reading
from services.calls import Call
from services.holders import is_gone
from services.policies import concurrency

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
MOST_KNOWN = 10_000

_RUNS = Execution.__table__
_ROWS = select(_RUNS.c.id, _RUNS.c.tenant_id, _RUNS.c.script_id, _RUNS.c.status, _RUNS.c.leased_by).where(
    _RUNS.c.id.in_(bindparam("runs", expanding=True))
)
_looked_at: dict[UUID, float] = {}  # by script


def free(call: Call) -> None:
    if not _is_time(call.script_id):
        return
    held = concurrency.held(call.tenant_id, call.script_id)
    runs = {run_id: ends for name, ends in held.items() if (run_id := _run_of(name))}
    try:
        stale = _of_runs(runs) if runs else []
    except SQLAlchemyError:
        log.exception("slots that nobody freed are looked for again later")
        return
    stale += [(call.tenant_id, call.script_id, name, ends) for name, ends in held.items() if _is_of_the_dead(name)]
    concurrency.free_as_seen(stale)


def _of_runs(runs: Mapping[UUID, float]) -> list[tuple[UUID, UUID, str, float]]:
    """A run's slot is taken after its row says that it is running: a row that says so no longer needs none, nor does one
    whose process is gone."""
    with system_reading(db.engine) as connection:
        rows = connection.execute(_ROWS, {"runs": list(runs)}).all()
    over = [row for row in rows if row.status != "running" or is_gone(row.leased_by)]
    return [(row.tenant_id, row.script_id, str(row.id), runs[row.id]) for row in over]


def _run_of(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _is_of_the_dead(name: str) -> bool:
    """Of a process that kept it for its runs; see services/places.py."""
    holder, slash, _which = name.partition("/")
    return bool(slash) and is_gone(holder)


def _is_time(script_id: UUID) -> bool:
    now = time.monotonic()
    if now < _looked_at.get(script_id, float("-inf")) + LOOK_EVERY_S:
        return False
    if len(_looked_at) > MOST_KNOWN:
        _looked_at.clear()
    _looked_at[script_id] = now
    return True
