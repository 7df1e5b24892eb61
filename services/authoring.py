"""What the page of a script asks beyond the script itself: who changed it, how it does lately, earlier inputs, a quiet merge."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import load_only, undefer

from models.base import db, utcnow
from models.execution import Execution
from models.script import Script
from models.user import User
from services import executions, scripts, versions
from services.errors import NotFound
from services.identity import Principal, require
from services.scripts import Changes, Stale

RECENTLY = timedelta(hours=24)
MOST_RUNS = 500  # what the figures of a busy script are made of
BARS = 30
INPUTS = 10
_OF_SCRIPT = {"succeeded", "failed", "timed_out"}  # a cancelled or refused run says nothing about the script
MATTERS = ("source", "parameters", "limits")


@dataclass(frozen=True, slots=True)
class Bar:
    status: str
    value: int | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of the last 24 hours, or of the newest runs in them. None: nothing to say it from."""

    runs: int
    success: float | None
    p50: int | None
    p95: int | None
    bars: list[Bar]  # oldest first; as many as there could be, so that few runs do not look like thick ones

    @property
    def is_partial(self) -> bool:
        return self.runs == MOST_RUNS


def numbers(actor: Principal, script_id: UUID) -> Numbers:
    """Test runs of unsaved code do not count: they would say how somebody types, not how the script does."""
    require(actor, "executions.read")
    newest = select(Execution.status, Execution.run_ms, Execution.trigger, Execution.created_at).where(
        Execution.script_id == script_id
    ).order_by(Execution.created_at.desc(), Execution.id.desc())  # fmt: skip
    recent = db.session.execute(newest.where(Execution.created_at > utcnow() - RECENTLY).limit(MOST_RUNS)).all()
    last = recent[:BARS] if len(recent) >= BARS else db.session.execute(newest.limit(BARS)).all()
    counted = [row for row in recent if row.status in _OF_SCRIPT and row.trigger != "test"]
    took = sorted(row.run_ms for row in counted if row.run_ms is not None)
    return Numbers(
        runs=len(recent),
        success=sum(row.status == "succeeded" for row in counted) / len(counted) if counted else None,
        p50=_percentile(took, 0.5),
        p95=_percentile(took, 0.95),
        bars=[*[Bar("", None)] * (BARS - len(last)), *(Bar(row.status, row.run_ms) for row in reversed(last))],
    )


def _percentile(ordered: list[int], share: float) -> int | None:
    return ordered[round(share * (len(ordered) - 1))] if ordered else None


def names_of(user_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Names of the tenant's people. Who is missing acted from outside: an operator of the installation."""
    wanted = {user_id for user_id in user_ids if user_id}
    people = db.session.scalars(select(User).where(User.id.in_(wanted)))
    return {person.id: person.full_name for person in people}


def name_of(user_id: UUID | None) -> str:
    return names_of([user_id]).get(user_id, "") if user_id else ""


@dataclass(frozen=True, slots=True)
class EarlierInput:
    id: UUID
    created_at: datetime
    status: str
    input: Any


def earlier_inputs(actor: Principal, script_id: UUID) -> list[EarlierInput]:
    """Of the newest runs, each different one once."""
    require(actor, "executions.read")
    columns = load_only(Execution.id, Execution.created_at, Execution.status, Execution.input)
    newest = select(Execution).where(Execution.script_id == script_id).options(undefer(Execution.input), columns)
    found: list[EarlierInput] = []
    for run in db.session.scalars(newest.order_by(Execution.created_at.desc(), Execution.id.desc()).limit(3 * INPUTS)):
        if run.input is not None and all(run.input != earlier.input for earlier in found):
            found.append(EarlierInput(run.id, run.created_at, run.status, run.input))
    return found[:INPUTS]


def input_of(actor: Principal, script_id: UUID, run_id: UUID) -> Any:
    require(actor, "executions.read")
    query = select(Execution).where(Execution.id == run_id, Execution.script_id == script_id)
    run = db.session.scalar(query.options(undefer(Execution.input)))
    if run is None:
        raise NotFound("There is no such run.")
    return run.input


def tested_source(actor: Principal, script_id: UUID, run_id: UUID) -> str:
    """The unsaved code that a test run of this script ran."""
    run = executions.get(actor, run_id)
    if run.script_id != script_id or run.test_source is None:
        raise NotFound("There is no such run.")
    return run.test_source


def save(
    actor: Principal,
    script_id: UUID,
    changes: Changes,
    *,
    base_version: int | None,
    note: str = "",
    may_disable: bool = True,
) -> Script:
    """As scripts.save, but who saves the code does not stumble over somebody who only saved limits, and the other way round."""

    def attempt(base: int | None) -> Script:
        return scripts.save(actor, script_id, changes, base_version=base, note=note, may_disable=may_disable)

    try:
        return attempt(base_version)
    except Stale as stale:
        seen = stale.script.version
        touched = _is_touched(stale.script, base_version or 0, changes)
        db.session.rollback()  # from here on the row says what the next saver made of it, which nobody has looked at
        if touched:
            raise
        return attempt(seen)


def _is_touched(current: Script, base_version: int, changes: Changes) -> bool:
    """Has what is being saved been changed since? Where nobody can tell any more, yes."""
    if not 0 < base_version < current.version:
        return True
    try:
        base = versions.find(current.id, base_version)
    except NotFound:
        return True
    return any(getattr(base, part) != getattr(current, part) for part in MATTERS if part in changes.given())


def duplicate(actor: Principal, script_id: UUID, name: str) -> Script:
    """A disabled script with the same code and settings; triggers are not copied, for both would act on the same things."""
    script = scripts.get(actor, script_id)
    changes = Changes(
        name=_free_name(name), description=script.description, source=script.source, enabled=False, tags=script.tags,
        metadata=script.extra, parameters=script.parameters, limits=script.limits, retention=script.retention,
        sample_input=script.sample_input,
    )  # fmt: skip
    return scripts.create(actor, changes)


def _free_name(name: str) -> str:
    """The name, or the name and the first number that makes it free."""
    for number in count(1):
        suffix = f" {number}" if number > 1 else ""
        wanted = name[: 100 - len(suffix)] + suffix
        taken = select(Script.id).where(Script.name_key == scripts.key_of(wanted), Script.deleted_at.is_(None))
        if db.session.scalar(taken) is None:
            return wanted
    raise AssertionError("counting never ends")
