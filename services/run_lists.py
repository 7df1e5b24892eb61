"""Lists of runs, newest first, as quick on the millionth as on the first; and failures gathered into groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, distinct, func, select

from models.base import db, utcnow
from models.execution import STATUSES, TRIGGERS, Execution
from models.script import Script
from services.choices import meaning_of
from services.identity import Principal, require
from services.paging import Page, keyset

PER_PAGE = 50
GROUPS = 50
GROUPED_DAYS = 7
STATES = {**{status: (status,) for status in STATUSES}, "open": ("queued", "running"),
          "unsuccessful": ("failed", "timed_out", "refused")}  # fmt: skip
TRIGGER_NAMES = {name: name for name in TRIGGERS}


@dataclass(frozen=True)
class Filters:
    status: str = ""
    trigger: str = ""
    script_id: UUID | None = None
    error_code: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(actor: Principal, filters: Filters, cursor: str = "", limit: int = PER_PAGE) -> Page[Execution]:
    require(actor, "executions.read")
    query = select(Execution).where(*_conditions(filters))
    return keyset(query, Execution.created_at, Execution.id, cursor, limit)


@dataclass(frozen=True)
class FailureGroup:
    script_id: UUID
    code: str
    frame: str
    count: int
    first_at: datetime
    last_at: datetime
    versions: int
    newest_version: int
    message: str
    execution_id: UUID


def failures(actor: Principal, filters: Filters) -> list[FailureGroup]:
    """By script, code and first frame: one cause is one line. Of the time asked for, else of the last week."""
    require(actor, "executions.read")
    conditions = _conditions(filters)
    if filters.since is None:
        conditions.append(Execution.created_at >= utcnow() - timedelta(days=GROUPED_DAYS))
    rows = db.session.execute(
        select(
            Execution.script_id, Execution.error_code, Execution.error_frame, func.count(), func.min(Execution.created_at),
            func.max(Execution.created_at), func.count(distinct(Execution.version_number)),
            func.max(Execution.version_number),
        )
        .where(*conditions, Execution.error_code.is_not(None))
        .group_by(Execution.script_id, Execution.error_code, Execution.error_frame)
        .order_by(func.max(Execution.created_at).desc()).limit(GROUPS)
    ).all()  # fmt: skip
    return [
        FailureGroup(
            script_id, code or "", frame, count, first, last, versions, newest, *_newest_of(script_id, code, frame)
        )
        for script_id, code, frame, count, first, last, versions, newest in rows
    ]


def _newest_of(script_id: UUID, code: str | None, frame: str) -> tuple[str, UUID]:
    newest = db.session.execute(
        select(Execution.error_message, Execution.id)
        .where(Execution.script_id == script_id, Execution.error_code == code, Execution.error_frame == frame)
        .order_by(Execution.created_at.desc(), Execution.id.desc()).limit(1)
    ).one()  # fmt: skip
    return newest.error_message, newest.id


def script_names(script_ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = db.session.execute(select(Script.id, Script.name).where(Script.id.in_(set(script_ids))))
    return {row.id: row.name for row in rows}


def error_codes(actor: Principal) -> list[str]:
    """Those of the last week, for a choice."""
    require(actor, "executions.read")
    recent = Execution.created_at >= utcnow() - timedelta(days=GROUPED_DAYS)
    codes = db.session.scalars(select(Execution.error_code).where(Execution.error_code.is_not(None), recent).distinct())
    return sorted(code for code in codes if code)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.status:
        conditions.append(Execution.status.in_(meaning_of(filters.status, STATES, "status")))
    if filters.trigger:
        conditions.append(Execution.trigger == meaning_of(filters.trigger, TRIGGER_NAMES, "trigger"))
    if filters.script_id:
        conditions.append(Execution.script_id == filters.script_id)
    if filters.error_code:
        conditions.append(Execution.error_code == filters.error_code)
    if filters.since:
        conditions.append(Execution.created_at >= filters.since)
    if filters.until:
        conditions.append(Execution.created_at < filters.until)
    return conditions
