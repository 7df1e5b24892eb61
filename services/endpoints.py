"""HTTP endpoints: paths that scripts answer at. Every change is part of a version of the script. What happens to a request
that arrives at one is in services/hooks/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select, true
from sqlalchemy import delete as sql_delete
from sqlalchemy.exc import IntegrityError

from models.base import db, utcnow
from models.endpoint import Endpoint, EndpointRoute
from models.execution import Execution
from models.script import Script
from services import audit, endpoint_checks, endpoint_paths, meanwhile, scripts, triggers
from services.audit import Target
from services.errors import Conflict, NotFound
from services.identity import Principal, require
from services.paging import Page
from services.partial import UNCHANGED, Partial

MOST_PER_SCRIPT = 50
DEFAULT_METHODS = ("POST",)
RECENT, RECENT_DAYS = 10, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Partial):
    """What may be said about an endpoint. What is left out stays as it is, or gets its default."""

    path: str = UNCHANGED
    methods: list[str] = UNCHANGED
    auth: str = UNCHANGED
    mode: str = UNCHANGED
    enabled: bool = UNCHANGED
    options: Mapping[str, Any] = UNCHANGED


# ---- reading


def get(actor: Principal, endpoint_id: UUID, script_id: UUID | None = None) -> Endpoint:
    require(actor, "scripts.read")
    query = select(Endpoint).where(Endpoint.id == endpoint_id)
    endpoint = db.session.scalar(query.where(Endpoint.script_id == script_id) if script_id else query)
    if endpoint is None:
        raise NotFound("There is no such endpoint.")
    return endpoint


def listed(actor: Principal, script_id: UUID) -> list[Endpoint]:
    """Those of one script, by path."""
    scripts.get(actor, script_id)
    query = select(Endpoint).where(Endpoint.script_id == script_id).order_by(Endpoint.path, Endpoint.id)
    return list(db.session.scalars(query))


def page(actor: Principal, cursor: str = "", limit: int = 50) -> tuple[Page[Endpoint], dict[UUID, Script]]:
    """All of the tenant, newest first, and their scripts."""
    require(actor, "scripts.read")
    return triggers.page(Endpoint, cursor, limit)


def recent(actor: Principal, endpoint: Endpoint) -> list[Row[Any]]:
    """Its last requests of the last days, newest first: without the requests themselves, which may be large."""
    require(actor, "executions.read")
    asked = Execution.request
    query = select(
        Execution.id, Execution.created_at, Execution.status, Execution.run_ms, Execution.error_code,
        Execution.actor_label, asked["method"].as_string().label("method"), asked["path"].as_string().label("path"),
    ).where(
        Execution.script_id == endpoint.script_id, Execution.trigger == "http", Execution.trigger_id == endpoint.id,
        Execution.created_at > utcnow() - timedelta(days=RECENT_DAYS),
    )  # fmt: skip
    return list(db.session.execute(query.order_by(Execution.created_at.desc(), Execution.id.desc()).limit(RECENT)))


# ---- changing


def create(actor: Principal, script_id: UUID, changes: Changes) -> Endpoint:
    require(actor, "triggers.manage")
    script = scripts.get(actor, script_id)
    if len(listed(actor, script_id)) >= MOST_PER_SCRIPT:
        raise Conflict("A script has at most %(most)s endpoints.", most=MOST_PER_SCRIPT)
    endpoint = Endpoint(
        script_id=script.id, path="", methods=list(DEFAULT_METHODS), auth="token", mode="sync", enabled=True, options={}
    )
    _fill(endpoint, {"path": ""} | changes.given())
    db.session.add(endpoint)
    db.session.flush()
    _take_routes(endpoint)
    _settle(actor, endpoint, "endpoint.created", after=triggers.endpoint_facts(endpoint))
    return endpoint


def mark(endpoint: Endpoint) -> str:
    """Of what is set on its page; pausing has a button of its own."""
    return _mark(triggers.endpoint_facts(endpoint))


def _mark(facts: Mapping[str, Any]) -> str:
    return meanwhile.mark_of({name: value for name, value in facts.items() if name != "enabled"})


def update(actor: Principal, endpoint_id: UUID, changes: Changes, seen: str = "") -> Endpoint:
    """With the mark of what its author began from, no change of somebody else's since is undone."""
    require(actor, "triggers.manage")
    endpoint = get(actor, endpoint_id)
    if seen:
        scripts.hold(actor, endpoint.script_id)
        db.session.expire(endpoint)
        endpoint = get(actor, endpoint_id)
    before = triggers.endpoint_facts(endpoint)
    with db.session.no_autoflush:
        _fill(endpoint, changes.given())
    after = triggers.endpoint_facts(endpoint)
    if after == before:
        return endpoint
    if seen and seen != _mark(before):
        raise meanwhile.changed("endpoint", endpoint_id, "enabled")
    if (before["path"], before["methods"]) != (after["path"], after["methods"]):
        _take_routes(endpoint)
    _settle(actor, endpoint, "endpoint.updated", before=before, after=after)
    return endpoint


def delete(actor: Principal, endpoint_id: UUID) -> None:
    require(actor, "triggers.manage")
    endpoint = get(actor, endpoint_id)
    _free_routes(endpoint)
    db.session.delete(endpoint)
    _settle(actor, endpoint, "endpoint.deleted", before=triggers.endpoint_facts(endpoint))


def _fill(endpoint: Endpoint, given: Mapping[str, Any]) -> None:
    checked: dict[str, Any] = {
        name: check(given[name]) for name, check in endpoint_checks.CHECKS.items() if name in given
    }
    if "options" in given:
        checked["options"] = endpoint_checks.options(given["options"])
    endpoint_checks.together(checked.get("auth", endpoint.auth), checked.get("options", endpoint.options))
    for name, value in checked.items():
        setattr(endpoint, name, value)


def _settle(
    actor: Principal,
    endpoint: Endpoint,
    action: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Triggers are part of a version, and what people do is remembered: both in the transaction of the change."""
    db.session.flush()
    script = scripts.touch_triggers(actor, endpoint.script_id)
    target = Target("endpoint", endpoint.id, f"{script.name}: /{endpoint.path}")
    audit.record(actor, action, target, before=before, after=after)
    db.session.commit()


# ---- nobody answers where somebody else does


def refuse_if_taken(path: str, methods: Sequence[str], *, but_by: UUID | None) -> None:
    """For what is only planned: would any script but that one answer the same requests?"""
    _refuse_if_taken(path, methods, Endpoint.script_id != but_by if but_by else true())


def _take_routes(endpoint: Endpoint) -> None:
    """Asked first, so that the other script can be named; the database has the last word when two come at once."""
    path, methods, others = endpoint.path, endpoint.methods, Endpoint.id != endpoint.id
    shape, own_id = endpoint_paths.shape(path), endpoint.id
    with db.session.no_autoflush:
        _refuse_if_taken(path, methods, others)
    try:
        _free_routes(endpoint)
        db.session.add_all(EndpointRoute(endpoint_id=own_id, method=method, shape=shape) for method in methods)
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        _refuse_if_taken(path, methods, others)
        raise Conflict("Somebody else is changing this path. Try again.") from None


def _free_routes(endpoint: Endpoint) -> None:
    db.session.execute(sql_delete(EndpointRoute).where(EndpointRoute.endpoint_id == endpoint.id))


def _refuse_if_taken(path: str, methods: Sequence[str], others: ColumnElement[bool]) -> None:
    taken = db.session.execute(
        select(EndpointRoute.method, Endpoint.path, Script.name)
        .join(Endpoint, Endpoint.id == EndpointRoute.endpoint_id).join(Script, Script.id == Endpoint.script_id)
        .where(EndpointRoute.shape == endpoint_paths.shape(path), EndpointRoute.method.in_(methods), others)
        .order_by(EndpointRoute.method).limit(1)
    ).first()  # fmt: skip
    if taken:
        db.session.rollback()
        raise PathTaken(path, *taken)


class PathTaken(Conflict):
    field = "path"

    def __init__(self, path: str, method: str, standing: str, script: str) -> None:
        super().__init__(
            "%(method)s /%(path)s would answer the same requests as /%(standing)s of the script “%(script)s”.",
            method=method, path=path, standing=standing, script=script,
        )  # fmt: skip
