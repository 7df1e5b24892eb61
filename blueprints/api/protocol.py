"""How every route of the API speaks: JSON objects in and out, bearer tokens only, pages by cursor, changes under a tag."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from werkzeug.exceptions import BadRequest

from blueprints.api import repeats
from blueprints.api.contract import check_members, of_request, read
from blueprints.guard import actor
from blueprints.security import csrf
from services import throttle
from services.errors import Invalid
from services.meanwhile import mark_of
from services.paging import Page
from services.wiring import settings


def api_blueprint(noun: str) -> Blueprint:
    blueprint = Blueprint(f"api_{noun}", __name__, url_prefix="/api/v1")
    for step in (_programs_only, _not_too_many, repeats.recognize):
        blueprint.before_request(step)
    blueprint.after_request(repeats.remember)
    csrf.exempt(blueprint)
    return blueprint


def _programs_only() -> None:
    """A browser's session is no key here: without the CSRF check that pages have, another site could use it."""
    if actor().token_id is None:
        abort(401)


def _not_too_many() -> None:
    if most := settings().api_requests_per_minute:
        throttle.count(f"api:{actor().token_id}", most)


def body() -> dict[str, Any]:
    """The members of the request's JSON object, as the route's contract has them."""
    takes = of_request().takes
    assert takes is not None
    given = {} if not takes.get("required") and _is_empty() else _object()
    check_members(given, takes)
    return given


def _is_empty() -> bool:
    return not request.mimetype and not request.get_data()


def _object() -> dict[str, Any]:
    if not request.is_json:
        abort(415)
    try:
        given = request.get_json()
    except (BadRequest, RecursionError):
        raise Invalid("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise Invalid("The body must be a JSON object.")
    return given


def query() -> dict[str, Any]:
    """What the address asks, by the names of the route's contract; None where it says nothing."""
    known = {asked.name: asked for asked in of_request().asks}
    for name in request.args:
        if name not in known:
            raise Invalid("There is no parameter “%(name)s” here.", field=name[:100], name=name[:100])
    return {name: read(asked) for name, asked in known.items()}


def answer(value: dict[str, Any], status: int = 200, location: str = "", tag: str = "") -> Response:
    response = jsonify(value)
    response.status_code = status
    if location:
        response.headers["Location"] = location
    if tag:
        response.set_etag(tag)
        _leave_out_what_is_known(response, tag)
    return response


def _leave_out_what_is_known(response: Response, tag: str) -> None:
    """If-None-Match: who has the answer already, under that very tag, is told only that it still stands."""
    if request.method in ("GET", "HEAD") and request.if_none_match.contains_weak(tag):
        response.status_code = 304
        response.set_data(b"")


def gone() -> Response:
    return Response(status=204)


def listing(page: Page[Any], shape: Callable[[Any], dict[str, Any]]) -> Response:
    return answer({"items": [shape(row) for row in page.rows], "next_cursor": page.next_cursor})


def refuse_unless_matched(current_tag: Callable[[], str]) -> None:
    """If-Match: what is to be changed must still be as its reader saw it. `current_tag` sees to it that it stays so."""
    if "If-Match" not in request.headers:
        return
    wanted, set_by_people = request.if_match, _set_by_people(current_tag())
    if not (wanted.star_tag or any(_set_by_people(tag) == set_by_people for tag in wanted)):
        abort(412)


def tag_of(set_by_people: Mapping[str, Any], changing_by_itself: Mapping[str, Any]) -> str:
    """Of an answer with members that change without anybody changing them: If-None-Match is about all of it, but who saves
    with If-Match only wants to undo nobody's work."""
    return f"{mark_of(set_by_people)}.{mark_of(changing_by_itself)[:8]}"


def _set_by_people(tag: str) -> str:
    return tag.partition(".")[0]
