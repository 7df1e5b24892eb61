"""The audit log: who did what to what."""

from typing import Any

from flask import Blueprint, Response, request

from blueprints.days import start_of
from blueprints.guard import actor, requires
from blueprints.htmx import render
from blueprints.neighbours import neighbours
from services import audit

bp = Blueprint("audit", __name__, url_prefix="/audit")


@bp.get("")
@requires("audit.read")
def index() -> Response:
    asked = {name: request.args.get(name, "").strip()[:254] for name in ("action", "actor", "target", "since", "until")}
    filters = audit.Filters(asked["action"], asked["actor"], asked["target"], start_of(asked["since"]),
                            start_of(asked["until"], days=1))  # fmt: skip
    page = audit.page(actor(), filters, request.args.get("cursor", ""))
    kept: dict[str, Any] = {name: value for name, value in asked.items() if value}
    return render("audit/index.html", "audit/_entries.html", entries=page.rows, asked=asked, is_filtered=bool(kept),
                  actions=audit.actions(actor()), **neighbours(page, "audit.index", **kept))  # fmt: skip
