"""Where people land."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from blueprints.guard import actor, in_tenant
from services import audit
from services.audit import Filters

bp = Blueprint("dashboard", __name__)


@bp.get("/")
@in_tenant
def index() -> Response | str:
    who = actor()
    recent = audit.page(who, Filters(), limit=8).rows if who.may("audit.read") else []
    return render_template("dashboard/index.html", recent_audit=recent)


@bp.get("/favicon.ico")
def favicon() -> Response:
    return redirect(url_for("static", filename="favicon.svg"))
