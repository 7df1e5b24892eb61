"""A tenant's own settings."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from blueprints.errors import attempt
from blueprints.forms.tenants import KeepingForm, LimitsForm, TenantForm
from blueprints.guard import actor, requires
from services import tenant_limits, tenants
from services.retention import DAYS

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("")
@requires("users.manage")
def index() -> str:
    return _page()


@bp.post("")
@requires("users.manage")
def update() -> Response | tuple[str, int]:
    form = TenantForm()
    if attempt(form, lambda: tenants.update(actor(), name=form.name.data, timezone=form.timezone.data,
                                            language=form.language.data or None)):  # fmt: skip
        flash(_("Saved."), "success")
        return redirect(url_for("settings.index"), 303)
    return _page(form=form), 422


@bp.post("/retention")
@requires("users.manage")
def save_retention() -> Response | tuple[str, int]:
    form = KeepingForm()
    if attempt(form, lambda: tenants.keep(actor(), {kind: form[kind].data for kind in DAYS})):
        flash(_("Saved."), "success")
        return redirect(url_for("settings.index"), 303)
    return _page(keeping=form), 422


def _page(form: TenantForm | None = None, keeping: KeepingForm | None = None) -> str:
    here = actor().tenant
    data = {"name": here.name, "timezone": here.timezone, "language": here.language or ""} if here else {}
    return render_template(
        "settings/index.html",
        form=form or TenantForm(formdata=None, data=data),
        limits=LimitsForm(formdata=None, data=tenant_limits.own(actor())) if here else None,
        keeping=keeping or KeepingForm(formdata=None, data=tenants.keeps(actor()) if here else {}),
    )
