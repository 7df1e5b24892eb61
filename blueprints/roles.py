"""Roles: what each may do, and the tenant's own ones."""

from uuid import UUID

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from blueprints.errors import blame
from blueprints.forms.people import RoleForm
from blueprints.guard import actor, requires
from models.role import TENANT_PERMISSIONS, Role
from services import roles
from services.errors import ServiceError

bp = Blueprint("roles", __name__, url_prefix="/roles")

PERMISSION_LABELS = {
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
_BUILTIN_LABELS = {
    "admin": _l("Administrator"),
    "developer": _l("Developer"),
    "viewer": _l("Viewer"),
    "superadmin": _l("Superadmin"),
}


def role_label(role: Role | str | None) -> str:
    """Built-in roles are ours to translate; a tenant's own keep the name they were given."""
    if role is None:
        return str(_BUILTIN_LABELS["superadmin"])
    name = role if isinstance(role, str) else role.name
    is_builtin = isinstance(role, str) or role.is_builtin
    return str(_BUILTIN_LABELS.get(name, name)) if is_builtin else name


def permission_choices(allowed: frozenset[str]) -> list[tuple[str, tuple[str, str]]]:
    return [(p, (str(PERMISSION_LABELS[p]), p)) for p in TENANT_PERMISSIONS if p in allowed]


def init_app(app: Flask) -> None:
    app.jinja_env.filters["role_label"] = role_label
    app.jinja_env.filters["permission_label"] = lambda name: str(PERMISSION_LABELS.get(name, name))


@bp.get("")
@requires("users.manage")
def index() -> str:
    return render_template("roles/index.html", roles=roles.listed(actor()), members=roles.members(actor()),
                           permissions=TENANT_PERMISSIONS)  # fmt: skip


@bp.get("/new")
@requires("users.manage")
def new() -> str:
    data = {}
    if copied := request.args.get("copy", type=UUID):
        role = roles.get(actor(), copied)
        data = {"name": _("%(name)s (copy)", name=role_label(role)), "permissions": role.permissions}
    return render_template("roles/edit.html", form=_form(formdata=None, data=data), role=None)


@bp.post("")
@requires("users.manage")
def create() -> Response | tuple[str, int]:
    form = _form()
    if form.validate():
        try:
            roles.create(actor(), form.name.data, form.permissions.data)
        except ServiceError as error:
            blame(form, error, "name")
        else:
            flash(_("The role is created."), "success")
            return redirect(url_for("roles.index"), 303)
    return render_template("roles/edit.html", form=form, role=None), 422


@bp.get("/<uuid:role_id>")
@requires("users.manage")
def show(role_id: UUID) -> str:
    role = roles.get(actor(), role_id)
    return render_template("roles/edit.html", form=_form(formdata=None, obj=role), role=role)


@bp.post("/<uuid:role_id>")
@requires("users.manage")
def update(role_id: UUID) -> Response | tuple[str, int]:
    role, form = roles.get(actor(), role_id), _form()
    if form.validate():
        try:
            roles.update(actor(), role_id, form.name.data, form.permissions.data)
        except ServiceError as error:
            blame(form, error, "name")
            role = roles.get(actor(), role_id)
        else:
            flash(_("Saved."), "success")
            return redirect(url_for("roles.index"), 303)
    return render_template("roles/edit.html", form=form, role=role), 422


@bp.post("/<uuid:role_id>/delete")
@requires("users.manage")
def delete(role_id: UUID) -> Response:
    roles.delete(actor(), role_id)
    flash(_("The role is deleted."), "success")
    return redirect(url_for("roles.index"), 303)


def _form(**options: object) -> RoleForm:
    form = RoleForm(**options)
    form.permissions.choices = permission_choices(actor().permissions)
    return form
