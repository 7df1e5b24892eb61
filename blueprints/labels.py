"""Words for what services name by codes: permissions, roles, deeds in the audit log and the fields they changed."""

from flask import Flask
from flask_babel import lazy_gettext as _l
from wtforms import SelectChoice

from models.role import TENANT_PERMISSIONS, Role

PERMISSIONS = {
    "scripts.read": _l("See scripts"),
    "scripts.create": _l("Create scripts"),
    "scripts.update": _l("Change scripts"),
    "scripts.delete": _l("Delete scripts"),
    "scripts.execute": _l("Execute scripts"),
    "executions.read": _l("See runs"),
    "executions.cancel": _l("Stop runs"),
    "triggers.manage": _l("Manage schedules, endpoints and subscriptions"),
    "dead_letters.manage": _l("Manage dead letters"),
    "secrets.manage": _l("Manage secrets"),
    "users.manage": _l("Manage users, roles and settings"),
    "audit.read": _l("Read the audit log"),
    "tenants.manage": _l("Manage tenants"),
}
_BUILTIN_ROLES = {
    "admin": _l("Administrator"),
    "developer": _l("Developer"),
    "viewer": _l("Viewer"),
    "superadmin": _l("Superadmin"),
}
ACTIONS = {
    "auth.signed_in": _l("signed in"),
    "auth.signed_out": _l("signed out"),
    "auth.sign_in_failed": _l("failed to sign in"),
    "auth.password_changed": _l("changed the password"),
    "auth.password_reset": _l("set a new password by link"),
    "auth.invitation_accepted": _l("accepted the invitation"),
    "user.invited": _l("invited a user"),
    "user.updated": _l("changed a user"),
    "user.link_renewed": _l("made a new link for a user"),
    "user.profile_updated": _l("changed the profile"),
    "role.created": _l("created a role"),
    "role.updated": _l("changed a role"),
    "role.deleted": _l("deleted a role"),
    "token.created": _l("created an API token"),
    "token.revoked": _l("revoked an API token"),
    "tenant.created": _l("created the tenant"),
    "tenant.updated": _l("changed the tenant"),
    "tenant.switched": _l("switched to the tenant"),
    "script.created": _l("created a script"),
    "script.updated": _l("changed a script"),
    "script.restored": _l("restored an earlier version"),
    "script.deleted": _l("deleted a script"),
    "script.executed": _l("executed a script"),
    "version.marked": _l("marked a version as a milestone"),
    "execution.cancelled": _l("stopped a run"),
    "subscription.created": _l("created a subscription"),
    "subscription.updated": _l("changed a subscription"),
    "subscription.deleted": _l("deleted a subscription"),
    "schedule.created": _l("created a schedule"),
    "schedule.updated": _l("changed a schedule"),
    "schedule.deleted": _l("deleted a schedule"),
    "endpoint.created": _l("created an endpoint"),
    "endpoint.updated": _l("changed an endpoint"),
    "endpoint.deleted": _l("deleted an endpoint"),
    "dead_letter.replayed": _l("delivered a dead letter again"),
    "dead_letter.replayed_many": _l("delivered dead letters again"),
    "dead_letter.resolved": _l("settled a dead letter"),
    "dead_letter.resolved_many": _l("settled dead letters"),
    "dead_letter.deleted": _l("deleted a dead letter"),
    "secret.created": _l("created a secret"),
    "secret.updated": _l("changed a secret"),
    "secret.deleted": _l("deleted a secret"),
    "secret.used": _l("read a secret"),
    "secret.rotated": _l("encrypted the secrets anew"),
    "http.blocked": _l("was kept from an address"),
}
# What an audit entry says was changed. A name that is missing here is shown as it is.
FIELDS = {
    "allow_self": _l("Own events as well"),
    "auth": _l("Who may call"),
    "count": _l("How many"),
    "cron": _l("Cron expression"),
    "description": _l("Description"),
    "email": _l("E-mail"),
    "enabled": _l("Enabled"),
    "ends_at": _l("Stop after"),
    "event_type": _l("Event type"),
    "execution": _l("Run"),
    "filter": _l("Filter"),
    "first_name": _l("First name"),
    "id": _l("Id"),
    "input": _l("Input"),
    "is_active": _l("Active"),
    "jitter_seconds": _l("Spread, seconds"),
    "key": _l("Encryption key"),
    "language": _l("Language"),
    "last_name": _l("Last name"),
    "limits": _l("Limits"),
    "metadata": _l("Metadata"),
    "methods": _l("Methods"),
    "milestone": _l("Milestone"),
    "misfire": _l("If a time was missed"),
    "mode": _l("What the caller gets"),
    "name": _l("Name"),
    "note": _l("Note"),
    "options": _l("Options"),
    "overlap": _l("If the last run is still going"),
    "parameters": _l("Parameters"),
    "path": _l("Path"),
    "permissions": _l("Permissions"),
    "reason": _l("Cause"),
    "retention": _l("Retention"),
    "role": _l("Role"),
    "script": _l("Script"),
    "slug": _l("Short name"),
    "source": _l("Code"),
    "starts_at": _l("Start on"),
    "tags": _l("Tags"),
    "tenant": _l("Tenant"),
    "theme": _l("Theme"),
    "timezone": _l("Time zone"),
    "trigger": _l("Started by"),
    "triggers_removed": _l("Triggers removed"),
    "url": _l("Address"),
    "version": _l("Version"),
}


def permission_label(name: str) -> str:
    return str(PERMISSIONS.get(name, name))


def permission_choices(allowed: frozenset[str]) -> list[SelectChoice]:
    return [SelectChoice(name, (permission_label(name), name)) for name in TENANT_PERMISSIONS if name in allowed]


def role_label(role: Role | str | None) -> str:
    """Built-in roles are ours to translate; a tenant's own keep the name they were given."""
    if role is None:
        return str(_BUILTIN_ROLES["superadmin"])
    name = role if isinstance(role, str) else role.name
    is_builtin = isinstance(role, str) or role.is_builtin
    return str(_BUILTIN_ROLES.get(name, name)) if is_builtin else name


def action_label(name: str) -> str:
    return str(ACTIONS.get(name, name))


def field_label(name: str) -> str:
    return str(FIELDS.get(name, name))


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update({
        "action_label": action_label, "field_label": field_label,
        "permission_label": permission_label, "role_label": role_label,
    })  # fmt: skip
