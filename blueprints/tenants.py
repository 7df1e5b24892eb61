"""The businesses of this installation, for its operators."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from blueprints.errors import attempt
from blueprints.forms.tenants import LimitsForm, NewTenantForm
from blueprints.guard import actor, requires
from services import tenant_limits, tenants
from services.tenant_limits import LIMITS

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


@bp.get("/<uuid:tenant_id>/limits")
@requires("tenants.manage")
def limits(tenant_id: UUID) -> str:
    return _limits_page(tenant_id)


@bp.post("/<uuid:tenant_id>/limits")
@requires("tenants.manage")
def set_limits(tenant_id: UUID) -> Response | tuple[str, int]:
    form = LimitsForm()
    if attempt(form, lambda: tenant_limits.set(actor(), tenant_id, {name: form[name].data for name in LIMITS})):
        flash(_("Saved."), "success")
        return redirect(url_for("tenants.limits", tenant_id=tenant_id), 303)
    return _limits_page(tenant_id, form), 422


def _limits_page(tenant_id: UUID, form: LimitsForm | None = None) -> str:
    tenant = tenants.get(actor(), tenant_id)
    form = form or LimitsForm(formdata=None, data=tenant.limits)
    return render_template("tenants/limits.html", tenant=tenant, form=form)
