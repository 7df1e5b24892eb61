"""What became of slots, as rows: the ledger's, and the runs of those that run."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, insert
from sqlalchemy.dialects import postgresql, sqlite

from models.base import db
from models.event import OutboxEntry
from models.execution import Execution
from models.ids import uuid7
from models.schedule import Occurrence, Schedule
from models.script import Script
from models.user import User
from services import meters, schedule_times
from services.queueing import Wanted, columns
from services.slot_verdicts import Due, Verdict

_RUN, _ENTRY = insert(cast(Table, Execution.__table__)), insert(cast(Table, OutboxEntry.__table__))


def write(judged: Sequence[tuple[Due, Verdict]]) -> list[datetime]:
    """The ledger, then runs for those rows that are new: a slot has one row, whatever moved since (a clock that was set
    back, a spread that was changed). In the caller's transaction. Answers when each run should have begun."""
    told = [(due, verdict, uuid7()) for due, verdict in judged]
    new = _record([
        {"tenant_id": due.schedule.tenant_id, "schedule_id": due.schedule.id, "due_at": verdict.slot, "id": uuid7(),
         "outcome": "skipped" if verdict.reason else "ran", "reason": verdict.reason,
         "execution_id": run_id if verdict.runs_now else None}
        for due, verdict, run_id in told
    ])  # fmt: skip
    fresh = [item for item in told if (item[0].schedule.id, item[1].slot) in new]
    for _due, verdict, _run_id in fresh:
        meters.count("occurrences_total", outcome=verdict.reason or "ran")
    starting = [item for item in fresh if item[1].runs_now]
    hand_over([run_of(due.schedule, due.script, run_id) for due, _verdict, run_id in starting])
    return [verdict.slot + schedule_times.delay(due.schedule) for due, verdict, _run_id in starting]


def _record(rows: Sequence[dict[str, Any]]) -> set[tuple[UUID, datetime]]:
    """Answers which of them were not there yet."""
    if not rows:
        return set()
    upsert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    added = db.session.execute(
        upsert(Occurrence).on_conflict_do_nothing().returning(Occurrence.schedule_id, Occurrence.due_at), list(rows)
    )
    return {(schedule_id, due_at) for schedule_id, due_at in added}


def run_of(schedule: Schedule, script: Script, run_id: UUID, asked_by: User | None = None) -> dict[str, Any]:
    why: dict[str, Any] = {"trigger": "cron", "label": schedule.cron, "triggered_by": "system"}
    if asked_by:
        why = {"trigger": "manual", "label": asked_by.email}
    run = columns(script, Wanted(**why, input=schedule.input, trigger_id=schedule.id))
    return run | {"id": run_id, "tenant_id": schedule.tenant_id, "user_id": asked_by.id if asked_by else None}


def hand_over(runs: Sequence[dict[str, Any]]) -> None:
    """As rows of Core: nothing here looks at them again, and hundreds are due at the same minute."""
    if runs:
        connection = db.session.connection()
        connection.execute(_RUN, runs)
        connection.execute(_ENTRY, [{"tenant_id": run["tenant_id"], "execution_id": run["id"]} for run in runs])
