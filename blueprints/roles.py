"""Roles: what each may do, and the tenant's own ones."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from blueprints.errors import attempt
from blueprints.forms.people import RoleForm
from blueprints.guard import actor, requires
from blueprints.labels import permission_choices, role_label
from models.role import TENANT_PERMISSIONS, Role
from services import roles

bp = Blueprint("roles", __name__, url_prefix="/roles")


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
    return _save(form, lambda: roles.create(actor(), form.name.data, form.permissions.data), _("The role is created."))


@bp.get("/<uuid:role_id>")
@requires("users.manage")
def show(role_id: UUID) -> str:
    role = roles.get(actor(), role_id)
    return render_template("roles/edit.html", form=_form(formdata=None, obj=role), role=role)


@bp.post("/<uuid:role_id>")
@requires("users.manage")
def update(role_id: UUID) -> Response | tuple[str, int]:
    form = _form()
    return _save(
        form, lambda: roles.update(actor(), role_id, form.name.data, form.permissions.data), _("Saved."), role_id
    )


def _save(
    form: RoleForm, deed: Callable[[], Role], done: str, role_id: UUID | None = None
) -> Response | tuple[str, int]:
    if attempt(form, deed, otherwise="name"):
        flash(done, "success")
        return redirect(url_for("roles.index"), 303)
    role = roles.get(actor(), role_id) if role_id else None
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
