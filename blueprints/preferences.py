"""Language and theme, switched from any page by anybody; a cookie for who is not signed in."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from blueprints import languages
from blueprints.guard import actor
from models.user import LANGUAGES, THEMES
from services import accounts
from services.errors import Invalid

bp = Blueprint("preferences", __name__)
_A_YEAR = 365 * 24 * 3600


@bp.post("/preferences/language")
def language() -> Response:
    return _keep("language", request.form.get("language", ""), LANGUAGES, languages.COOKIE)


@bp.post("/preferences/theme")
def theme() -> Response:
    return _keep("theme", request.form.get("theme", ""), THEMES, "theme")


def _keep(name: str, value: str, allowed: tuple[str, ...], cookie: str) -> Response:
    if value not in allowed:
        raise Invalid("There is no such choice.", field=name)
    if current_user.is_authenticated:
        accounts.set_preference(actor(), name, value)
    answer = redirect(_where_they_were(), 303)
    answer.set_cookie(cookie, value, max_age=_A_YEAR, samesite="Lax", httponly=True, secure=request.is_secure)
    return answer


def _where_they_were() -> str:
    """The page the switch stands on, as a path: a referrer of another site takes nobody there."""
    came_from = urlsplit(request.referrer or "")
    if came_from.netloc != request.host or not came_from.path.startswith("/") or came_from.path.startswith("//"):
        return url_for("dashboard.index")
    return f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path
