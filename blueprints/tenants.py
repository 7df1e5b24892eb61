"""The businesses of this installation, for its operators."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from blueprints.errors import attempt
from blueprints.forms.people import NewTenantForm
from blueprints.guard import actor, requires
from services import tenants

bp = Blueprint("tenants", __name__, url_prefix="/tenants")


@bp.get("")
@requires("tenants.manage")
def index() -> str:
    return render_template("tenants/index.html", tenants=tenants.listed(actor()))


@bp.get("/new")
@requires("tenants.manage")
def new() -> str:
    return render_template("tenants/new.html", form=NewTenantForm())


@bp.post("")
@requires("tenants.manage")
def create() -> Response | str | tuple[str, int]:
    form = NewTenantForm()
    made = attempt(form, lambda: tenants.create(actor(), form.slug.data, form.name.data, form.admin_email.data or ""),
                   otherwise="admin_email", renamed={"email": "admin_email"})  # fmt: skip
    if made is None:
        return render_template("tenants/new.html", form=form), 422
    tenant, invitation = made
    flash(_("The tenant “%(name)s” is created.", name=tenant.name), "success")
    if invitation is None:
        return redirect(url_for("tenants.index"), 303)
    link = url_for("auth.accept_link", secret=invitation.secret, _external=True)
    return render_template("users/link.html", user=invitation.user, link=link, back=url_for("tenants.index"))


@bp.post("/<uuid:tenant_id>/active")
@requires("tenants.manage")
def set_active(tenant_id: UUID) -> Response:
    tenant = tenants.set_active(actor(), tenant_id, request.form.get("is_active") == "1")
    sentence = _("“%(name)s” is open.") if tenant.is_active else _("“%(name)s” is closed.")
    flash(sentence % {"name": tenant.name}, "success")
    return redirect(url_for("tenants.index"), 303)
