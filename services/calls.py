"""A Call is all one run needs, read from its row and its pinned version, so that the database can be let go meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload, undefer

from models.base import db
from models.event import Event
from models.execution import Execution
from models.script import Script
from models.script_version import ScriptVersion
from models.tenancy import as_system
from models.tenant import Tenant
from models.user import User
from services.identity import principal_of
from services.limits import effective
from services.wiring import settings


@dataclass(frozen=True, slots=True)
class Caller:
    id: UUID
    email: str
    first_name: str
    last_name: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Call:
    execution_id: UUID
    tenant_id: UUID
    tenant_slug: str
    tenant_name: str
    tenant_limits: Mapping[str, Any]
    script_id: UUID
    script_name: str
    version: int
    source: str
    parameters: list[dict[str, Any]]
    limits: Mapping[str, int]
    trigger: str
    type: str
    triggered_by: str
    attempt: int
    chain_depth: int
    created_at: datetime
    input: Any = None
    caller: Caller | None = None
    event: dict[str, Any] | None = None
    request: dict[str, Any] | None = None
    request_id: str = ""
    is_unwanted: bool = False  # somebody wants it stopped, before it has begun
    deadline: float | None = None  # time.monotonic(), where a caller waits no longer than that
    is_admitted: bool = False  # whoever made the call saw to its slots and its share of the minute, for many at once
    is_audited: bool = False  # whoever wrote its row wrote into the audit log, in the same transaction


def build(execution_id: UUID, deadline: float | None = None, at_most: frozenset[str] | None = None) -> Call:
    """The session is bound to the run's tenant. `at_most`: the permissions of the run that called this one."""
    caller = _caller(execution_id)
    if caller and at_most is not None:
        caller = replace(caller, permissions=caller.permissions & at_most)
    run = db.session.scalars(
        select(Execution).where(Execution.id == execution_id)
        .options(undefer(Execution.input), undefer(Execution.test_source), undefer(Execution.request))
    ).one()  # fmt: skip
    script = db.session.get_one(Script, run.script_id)
    tenant = db.session.get_one(Tenant, run.tenant_id)
    source, parameters, limits = _code(run, script)
    return Call(
        execution_id=run.id, tenant_id=tenant.id, tenant_slug=tenant.slug, tenant_name=tenant.name,
        tenant_limits=dict(tenant.limits), script_id=script.id, script_name=script.name, version=run.version_number,
        source=source, parameters=parameters, limits=effective(limits, settings()), trigger=run.trigger, type=run.type,
        triggered_by=run.triggered_by, attempt=run.attempt, chain_depth=run.chain_depth, created_at=run.created_at,
        input=run.input, caller=caller, event=_event(run), request=run.request, request_id=run.request_id, deadline=deadline,
        is_unwanted=run.cancel_requested,
    )  # fmt: skip


def _code(run: Execution, script: Script) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    version = db.session.scalars(
        select(ScriptVersion)
        .where(ScriptVersion.script_id == script.id, ScriptVersion.number == run.version_number)
        .options(undefer(ScriptVersion.source))
    ).one()
    source = version.source if run.test_source is None else run.test_source
    return source, list(version.parameters), dict(version.limits)


def _caller(execution_id: UUID) -> Caller | None:
    """Who asked for it. A superadmin belongs to no tenant, so the tenant's session would not find them."""
    with as_system(db.session):
        user = db.session.scalar(
            select(User).join(Execution, Execution.user_id == User.id).where(Execution.id == execution_id)
            .options(joinedload(User.role))
        )  # fmt: skip
        if user is None:
            return None
        permissions = principal_of(user, None).permissions
        return Caller(user.id, user.email, user.first_name, user.last_name, permissions)


def _event(run: Execution) -> dict[str, Any] | None:
    event = db.session.get(Event, run.event_id, options=[undefer(Event.data)]) if run.event_id else None
    if event is None:
        return None
    return {"id": event.external_id or str(event.id), "type": event.type, "data": event.data,
            "timestamp": event.created_at.isoformat()}  # fmt: skip
