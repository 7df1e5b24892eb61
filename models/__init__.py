"""Rows: columns, state, named queries. One file a noun. Nothing here commits."""

from models.api_token import ApiToken
from models.audit_entry import AuditEntry
from models.base import db
from models.dead_letter import DeadLetter
from models.ended_session import EndedSession
from models.endpoint import Endpoint, EndpointRoute
from models.event import Event, EventType, OutboxEntry
from models.execution import Execution
from models.kv_entry import KvEntry
from models.role import Role
from models.schedule import Occurrence, Schedule
from models.script import Script, ScriptText
from models.script_version import ScriptVersion
from models.secret import Secret
from models.subscription import Subscription
from models.tenant import Tenant
from models.user import User

__all__ = [
    "ApiToken",
    "AuditEntry",
    "DeadLetter",
    "EndedSession",
    "Endpoint",
    "EndpointRoute",
    "Event",
    "EventType",
    "Execution",
    "KvEntry",
    "Occurrence",
    "OutboxEntry",
    "Role",
    "Schedule",
    "Script",
    "ScriptText",
    "ScriptVersion",
    "Secret",
    "Subscription",
    "Tenant",
    "User",
    "db",
]
