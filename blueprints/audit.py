"""The audit log: who did what to what."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request, url_for

from blueprints.guard import actor, requires
from blueprints.htmx import render
from blueprints.languages import timezone
from services import audit
from services.errors import Invalid

bp = Blueprint("audit", __name__, url_prefix="/audit")


@bp.get("")
@requires("audit.read")
def index() -> Response:
    asked = {name: request.args.get(name, "").strip()[:254] for name in ("action", "actor", "target", "since", "until")}
    filters = audit.Filters(asked["action"], asked["actor"], asked["target"], _start_of(asked["since"]),
                            _start_of(asked["until"], days=1))  # fmt: skip
    page = audit.page(actor(), filters, request.args.get("cursor", ""))
    kept: dict[str, Any] = {name: value for name, value in asked.items() if value}
    older = url_for("audit.index", **kept, cursor=page.next_cursor) if page.next_cursor else None
    return render("audit/index.html", "audit/_entries.html", entries=page.rows, older=older, asked=asked,
                  is_filtered=bool(kept), actions=audit.actions(actor()))  # fmt: skip


def _start_of(day: str, days: int = 0) -> datetime | None:
    """The first moment of a day as the reader's clock sees it; `days` later for an end that includes the day."""
    if not day:
        return None
    try:
        parsed = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  a day, not an instant
        return datetime.combine(parsed + timedelta(days=days), time.min, ZoneInfo(timezone()))
    except (ValueError, OverflowError):
        raise Invalid("A day is written as 2026-12-31.", field="since") from None
