"""A person or a program had a script run: that goes into the audit log. Runs by event or clock are in the run list."""

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

import logs
from models.audit_entry import AuditEntry
from models.base import db
from models.tenancy import as_tenant
from runtime import Outcome
from services.calls import Call

log = logging.getLogger(__name__)
BY_SOMEBODY = frozenset({"manual", "test", "api", "replay", "embedded"})


def audit(run: Callable[[Call], Outcome], call: Call) -> Outcome:
    if call.trigger in BY_SOMEBODY and call.caller and not call.is_audited:
        try:
            _record(call)
        except SQLAlchemyError:  # a watcher never fails a run; the run's own row says who started it too
            log.exception("a run is missing from the audit log")
            db.session.rollback()
    return run(call)


def entry_of(call: Call) -> dict[str, Any]:
    """The row of such a run, for who writes it together with the run itself."""
    caller = call.caller
    return dict(
        tenant_id=call.tenant_id, action="script.executed", actor_id=caller and caller.id,
        actor_label=caller.email if caller else "", target_type="script", target_id=str(call.script_id),
        target_label=call.script_name, request_id=call.request_id, ip=logs.remote_ip.get(),
        after={"execution": str(call.execution_id), "version": call.version, "trigger": call.trigger},
    )  # fmt: skip


def _record(call: Call) -> None:
    with as_tenant(db.session, call.tenant_id):
        db.session.add(AuditEntry(**entry_of(call)))
        db.session.commit()
