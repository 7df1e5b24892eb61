"""API tokens: make one, see it once, revoke it."""

from datetime import datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from blueprints.errors import attempt
from blueprints.forms.people import TokenForm
from blueprints.guard import actor, in_tenant
from blueprints.labels import permission_choices
from blueprints.languages import timezone
from models.base import utcnow
from services import tokens

bp = Blueprint("tokens", __name__, url_prefix="/tokens")


@bp.get("")
@in_tenant
def index() -> str:
    return render_template("tokens/index.html", tokens=tokens.listed(actor()), now=utcnow())


@bp.get("/new")
@in_tenant
def new() -> str:
    return render_template("tokens/new.html", form=_form())


@bp.post("")
@in_tenant
def create() -> str | tuple[str, int]:
    form = _form()
    made = attempt(form, lambda: tokens.create(actor(), form.name.data, form.permissions.data, _end_of(form)),
                   otherwise="name", renamed={"expires_at": "expires_on"})  # fmt: skip
    if made is None:
        return render_template("tokens/new.html", form=form), 422
    return render_template("tokens/created.html", token=made.token, secret=made.secret)


@bp.post("/<uuid:token_id>/revoke")
@in_tenant
def revoke(token_id: UUID) -> Response:
    token = tokens.revoke(actor(), token_id)
    flash(_("The token “%(name)s” is revoked.", name=token.name), "success")
    return redirect(url_for("tokens.index"), 303)


def _form() -> TokenForm:
    form = TokenForm()
    form.permissions.choices = permission_choices(actor().permissions)
    return form


def _end_of(form: TokenForm) -> datetime | None:
    """A token is valid through its last day, as the reader's clock sees it."""
    day = form.expires_on.data
    return datetime.combine(day, time.max, ZoneInfo(timezone())) if day else None
