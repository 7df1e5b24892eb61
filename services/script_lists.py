"""The list of scripts: found by words, trigger, tag or how the last run ended; with what a list shows of each."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, select
from sqlalchemy.dialects.postgresql import JSONB

from models.base import db
from models.execution import Execution
from models.script import Script, ScriptText
from services import scripts, triggers
from services.choices import meaning_of
from services.errors import Invalid, ServiceError
from services.identity import Principal, require
from services.paging import Page, keyset
from services.scripts import Changes

PER_PAGE = 25
BARS = 30
MOST_WORDS = 6
SORTS = {
    "updated": (Script.updated_at.desc(), Script.id.desc()),
    "name": (Script.name_key, Script.id),
    "last_run": (Script.last_run_at.desc().nulls_last(), Script.id.desc()),
}
STATUSES = ("succeeded", "failed", "timed_out", "cancelled", "refused", "never")
LAST_STATUSES = {status: "" if status == "never" else status for status in STATUSES}
STATES = {"enabled": True, "disabled": False}


@dataclass(frozen=True)
class Filters:
    words: str = ""
    trigger: str = ""  # schedules, endpoints, subscriptions, none
    status: str = ""
    tag: str = ""
    state: str = ""  # enabled, disabled


class Run(NamedTuple):
    """As the database writes it in JSON."""

    status: str
    run_ms: int | None
    at: str
    hex: str

    @property
    def id(self) -> UUID:
        return UUID(self.hex)

    @property
    def created_at(self) -> datetime:
        """PostgreSQL names the zone of its server; SQLite none, and means UTC."""
        at = datetime.fromisoformat(self.at)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    script: Script
    triggers: dict[str, int] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)  # the newest first

    @property
    def last(self) -> Run | None:
        return self.runs[0] if self.runs else None

    @property
    def bars(self) -> list[dict[str, Any]]:
        """Oldest first, as a chart shows them."""
        return [{"status": run.status, "value": run.run_ms} for run in reversed(self.runs)]


@dataclass(frozen=True)
class Listed:
    rows: list[Row]
    page: int
    pages: int
    total: int


def page(actor: Principal, filters: Filters, sort: str = "updated", number: int = 1) -> Listed:
    require(actor, "scripts.read")
    conditions, order = _conditions(filters), SORTS.get(sort, SORTS["updated"])
    found, total = (_searched if filters.words else _listed)(conditions, order, max(number, 1))
    pages = max(1, -(-total // PER_PAGE))
    number = min(max(number, 1), pages)
    kinds, runs = triggers.kinds(script.id for script in found), _newest_runs(actor, [script.id for script in found])
    rows = [Row(script, kinds.get(script.id, {}), runs.get(script.id, [])) for script in found]
    return Listed(rows, number, pages, total)


def _listed(conditions: list[ColumnElement[bool]], order: Any, number: int) -> tuple[list[Script], int]:
    """That page, or the last; and how many there are in all."""
    total = db.session.scalar(select(func.count(Script.id)).where(*conditions)) or 0
    number = min(number, max(1, -(-total // PER_PAGE)))
    query = select(Script).where(*conditions).order_by(*order).limit(PER_PAGE).offset((number - 1) * PER_PAGE)
    return list(db.session.scalars(query)), total


def _searched(conditions: list[ColumnElement[bool]], order: Any, number: int) -> tuple[list[Script], int]:
    """The same, where conditions are slow: once everybody's text is read, both are known."""
    query = select(Script.id, func.count().over()).where(*conditions).order_by(*order).limit(PER_PAGE)
    rows = db.session.execute(query.offset((number - 1) * PER_PAGE)).all()
    if not rows:
        return _listed(conditions, order, number) if number > 1 else ([], 0)
    found = select(Script).where(Script.id.in_([id_ for id_, _ in rows])).order_by(*order)
    return list(db.session.scalars(found)), rows[0][1]


def row(actor: Principal, script_id: UUID) -> Row:
    script = scripts.get(actor, script_id)
    runs = _newest_runs(actor, [script.id])
    return Row(script, triggers.kinds([script.id]).get(script.id, {}), runs.get(script.id, []))


def newest(actor: Principal, filters: Filters, cursor: str = "", limit: int = 50) -> Page[Script]:
    """For programs: last changed first, by cursor, without their code."""
    require(actor, "scripts.read")
    return keyset(select(Script).where(*_conditions(filters)), Script.updated_at, Script.id, cursor, limit)


@dataclass(frozen=True)
class Totals:
    all: int
    enabled: int
    failing: int


def totals(actor: Principal) -> Totals:
    """How many there are, run by themselves, and failed when they last ran."""
    require(actor, "scripts.read")
    failing = and_(Script.enabled, Script.last_status.in_(("failed", "timed_out")))
    counts = select(func.count(), func.count().filter(Script.enabled), func.count().filter(failing))
    return Totals(*db.session.execute(counts.select_from(Script).where(Script.deleted_at.is_(None))).one())


def tags(actor: Principal) -> list[str]:
    require(actor, "scripts.read")
    sets = db.session.scalars(select(cast(Script.tags, String)).where(Script.deleted_at.is_(None)).distinct())
    return sorted({tag for text in sets for tag in json.loads(text)})


def search(actor: Principal, words: str, limit: int) -> list[Script]:
    """For the search field on every page."""
    require(actor, "scripts.read")
    query = select(Script).where(*_conditions(Filters(words=words))).order_by(*SORTS["updated"]).limit(limit)
    return list(db.session.scalars(query))


def change_many(actor: Principal, script_ids: Collection[UUID], deed: str, tag: str = "") -> tuple[int, list[str]]:
    """The same change to many. Answers how many were changed and the names of those that refused."""
    require(actor, "scripts.delete" if deed == "delete" else "scripts.update")
    done, refused = 0, []
    for script_id in list(dict.fromkeys(script_ids))[:500]:
        script = scripts.get(actor, script_id)
        name = script.name
        try:
            _change(actor, script, deed, tag)
            done += 1
        except ServiceError:
            db.session.rollback()
            refused.append(name)
    return done, refused


def _change(actor: Principal, script: Script, deed: str, tag: str) -> None:
    match deed:
        case "enable" | "disable":
            scripts.save(actor, script.id, Changes(enabled=deed == "enable"))
        case "tag":
            scripts.save(actor, script.id, Changes(tags=[*script.tags, tag]))
        case "untag":
            scripts.save(actor, script.id, Changes(tags=[each for each in script.tags if each != tag.casefold()]))
        case "delete":
            scripts.delete(actor, script.id)
        case _:
            raise Invalid("There is nothing of this kind to do.", field="action")


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Script.deleted_at.is_(None)]
    if words := filters.words.casefold().split()[:MOST_WORDS]:
        texts = select(ScriptText.script_id).where(*(ScriptText.text.contains(word, autoescape=True) for word in words))
        conditions.append(Script.id.in_(texts))
    if filters.trigger:
        conditions.append(_has_trigger(filters.trigger))
    if filters.status:
        conditions.append(Script.last_status == meaning_of(filters.status, LAST_STATUSES, "status"))
    if filters.tag:
        conditions.append(_has_tag(filters.tag))
    if filters.state:
        conditions.append(Script.enabled.is_(meaning_of(filters.state, STATES, "state")))
    return conditions


def _has_trigger(kind: str) -> ColumnElement[bool]:
    if kind == "none":
        return and_(*(~exists().where(model.script_id == Script.id) for model in triggers.KINDS.values()))
    model = triggers.KINDS.get(kind)
    if model is None:
        raise Invalid("There is no trigger of this kind.", field="trigger")
    return Script.id.in_(select(model.script_id))


def _has_tag(tag: str) -> ColumnElement[bool]:
    if _on_postgresql():
        return cast(Script.tags, JSONB).contains([tag])
    each = func.json_each(Script.tags).table_valued("value")
    return exists().where(each.c.value == tag).select_from(each)


def _newest_runs(actor: Principal, script_ids: list[UUID]) -> dict[UUID, list[Run]]:
    """The newest runs of each script: a short walk along an index for each of them, in one query.

    In one order with its script, and as a range: told that the script is equal, PostgreSQL may walk along all runs of the
    tenant instead, where most are of one script.
    """
    if not script_ids or not actor.may("executions.read"):
        return {}
    newest = (
        select(Execution.status, Execution.run_ms, Execution.created_at, Execution.id)
        .where(Execution.tenant_id == Script.tenant_id, Execution.script_id.between(Script.id, Script.id))
        .order_by(Execution.script_id.desc(), Execution.created_at.desc(), Execution.id.desc())
        .limit(BARS).correlate(Script).subquery()
    )  # fmt: skip
    row, rows = (func.json_build_array, func.json_agg) if _on_postgresql() else (func.json_array, func.json_group_array)
    told = select(cast(rows(row(*newest.c)), String)).scalar_subquery()
    with _in_index_order():
        found = db.session.execute(select(Script.id, told).where(Script.id.in_(script_ids))).all()
    return {script_id: [Run(*run) for run in json.loads(text or "[]")] for script_id, text in found}


@contextmanager
def _in_index_order() -> Iterator[None]:
    """Expecting few runs, PostgreSQL would read all of a busy script, a hundred thousand, and sort them."""
    _sort("off")
    yield
    _sort("on")


def _sort(state: str) -> None:
    if _on_postgresql():
        names = ("enable_sort", "enable_incremental_sort")
        db.session.execute(select(*(func.set_config(name, state, True) for name in names)))


def _on_postgresql() -> bool:
    return db.session.get_bind().dialect.name == "postgresql"
