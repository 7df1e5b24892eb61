"""One field that finds: scripts by name, tag or code, pages of the menu, and people for who manages them."""

from flask import Blueprint, render_template, request

from blueprints.guard import actor, in_tenant
from blueprints.navigation import menu_groups
from services import script_lists, users

bp = Blueprint("search", __name__)
_MOST = 20


@bp.get("/search")
@in_tenant
def index() -> str:
    who, wanted = actor(), request.args.get("q", "").strip()[:100]
    pages = [
        item for group in menu_groups(who.may) for item in group if wanted.casefold() in str(item.label).casefold()
    ]
    people = users.listed(who, wanted)[:_MOST] if wanted and who.may("users.manage") else []
    scripts = script_lists.search(who, wanted, _MOST) if wanted and who.may("scripts.read") else []
    return render_template("search/index.html", q=wanted, pages=pages if wanted else [], people=people, scripts=scripts)
