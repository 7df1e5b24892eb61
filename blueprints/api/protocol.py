"""How every route of the API speaks: JSON objects in and out, bearer tokens only, pages by cursor."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from werkzeug.exceptions import BadRequest

from blueprints.guard import actor
from blueprints.security import csrf
from services.errors import Invalid
from services.paging import Page

MOST_PER_PAGE = 200


def api_blueprint(noun: str) -> Blueprint:
    blueprint = Blueprint(f"api_{noun}", __name__, url_prefix="/api/v1")
    blueprint.before_request(_programs_only)
    csrf.exempt(blueprint)
    return blueprint


def _programs_only() -> None:
    """A browser's session is no key here: without the CSRF check that pages have, another site could use it."""
    if actor().token_id is None:
        abort(401)


def body(allowed: Iterable[str]) -> dict[str, Any]:
    """The members of the request's JSON object, all of them known."""
    if not request.is_json:
        abort(415)
    try:
        given = request.get_json()
    except (BadRequest, RecursionError):
        raise Invalid("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise Invalid("The body must be a JSON object.")
    for name in given:
        if name not in allowed:
            raise Invalid("There is no member “%(name)s” here.", field=str(name)[:100], name=str(name)[:100])
    return given


def member(given: dict[str, Any], name: str, kind: type | tuple[type, ...], otherwise: Any = None) -> Any:
    """One member of the right type; JSON's true is no number."""
    value = given.get(name, otherwise)
    if name in given and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise Invalid("“%(name)s” has the wrong type.", field=name, name=name)
    return value


def answer(value: dict[str, Any], status: int = 200, location: str = "") -> Response:
    response = jsonify(value)
    response.status_code = status
    if location:
        response.headers["Location"] = location
    return response


def limit() -> int:
    asked = request.args.get("limit", "50")
    if not asked.isdecimal() or not 1 <= int(asked) <= MOST_PER_PAGE:
        raise Invalid("limit must be a whole number from 1 to %(most)s.", field="limit", most=MOST_PER_PAGE)
    return int(asked)


def listing(page: Page[Any], shape: Callable[[Any], dict[str, Any]]) -> Response:
    return answer({"items": [shape(row) for row in page.rows], "next_cursor": page.next_cursor})
