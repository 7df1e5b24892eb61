"""A tenant's own settings."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from blueprints.errors import attempt
from blueprints.forms.people import TenantForm
from blueprints.guard import actor, requires
from services import tenants

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("")
@requires("users.manage")
def index() -> str:
    here = actor().tenant
    data = {"name": here.name, "timezone": here.timezone, "language": here.language or ""} if here else {}
    return render_template("settings/index.html", form=TenantForm(formdata=None, data=data))


@bp.post("")
@requires("users.manage")
def update() -> Response | tuple[str, int]:
    form = TenantForm()
    if attempt(form, lambda: tenants.update(actor(), name=form.name.data, timezone=form.timezone.data,
                                            language=form.language.data or None)):  # fmt: skip
        flash(_("Saved."), "success")
        return redirect(url_for("settings.index"), 303)
    return render_template("settings/index.html", form=form), 422
