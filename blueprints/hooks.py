"""/hooks/{tenant}/{path}: where scripts answer the world. No cookies, no session, no forms' tokens, no pages.

What a request means is decided in services/hooks/, which sees plain values.
"""

import logging
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import PathConverter, Rule

from blueprints.security import csrf
from models import db
from services import trouble
from services.hooks import door
from services.hooks.wire import Arrival, Refusal, Reply, not_found
from services.slow_senders import slow_senders

log = logging.getLogger(__name__)
bp = Blueprint("hooks", __name__)
csrf.exempt(bp)

BODY_SECONDS = 10
_CHUNK = 64 * 1024


def answer(address: str = "") -> Response:
    try:
        return _response(door.answer(_arrival()))
    except Refusal as refusal:
        return _response(refusal.reply())
    except Exception as error:
        db.session.rollback()
        return _response(_excuse(error).reply())


def _excuse(error: Exception) -> Refusal:
    if trouble.is_databases_own(error):
        log.error("the database does not answer", exc_info=error)
        return Refusal(503, "UNAVAILABLE", "Try again in a moment.", headers={"Retry-After": "5"})
    log.error("unexpected error", exc_info=error)
    return Refusal(500, "INTERNAL_SERVER_ERROR")


class NoSessionHere(SecureCookieSessionInterface):
    """Whoever's browser it is: nothing of their session is read at an endpoint, and no cookie leaves it."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith("/hooks/"):
            return self.make_null_session(app)
        return super().open_session(app, request)


class Anything(PathConverter):
    """What stands in an address from there on: also if it begins with a slash, or has ends of lines in it."""

    regex = "(?s:.+)"
    part_isolating = False


def init_app(app: Flask) -> None:
    app.session_interface = NoSessionHere()
    app.url_map.converters["anything"] = Anything
    # Of whatever method, also one that nobody knows: the door has an answer for each.
    for address in ("/hooks/", "/hooks/<anything:address>"):
        app.url_map.add(Rule(address, endpoint="hooks.answer", merge_slashes=False))
    app.view_functions["hooks.answer"] = answer


def _arrival() -> Arrival:
    tenant, path = _as_sent()
    return Arrival(
        method=request.method, tenant=tenant, path=path, query=request.query_string.decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()}, ip=request.remote_addr or "",
        read=_read_body,
    )  # fmt: skip


def _as_sent() -> tuple[str, str]:
    """Undecoded: what is a slash and what is a %2F stay apart."""
    sent = urlsplit(request.environ.get("RAW_URI", "")).path
    prefix, _, below = sent.lstrip("/").partition("/")
    tenant, _, path = below.partition("/")
    if prefix != "hooks" or not path:
        raise not_found()
    return tenant, path


def _read_body(limit: int) -> bytes:
    """Not a byte more than the limit, whatever the request says of its length; and not for longer than BODY_SECONDS."""
    request.max_content_length = limit + 1  # of a body in chunks the framework refuses the byte at its limit
    try:
        with slow_senders.within(BODY_SECONDS, request.environ.get("gunicorn.socket")):
            return _read(limit)
    except TimeoutError:
        raise Refusal(408, "TOO_SLOW", f"The body did not arrive within {BODY_SECONDS} seconds.") from None
    except RequestEntityTooLarge:
        raise Refusal(413, "BODY_TOO_LARGE", f"The body has at most {limit} bytes.") from None
    except Exception:  # of the server's own kind where a chunk is malformed: reading fails for what was sent, or not
        raise Refusal(400, "INVALID_INPUT", "The body ended early, or is not what its headers say.") from None


def _read(limit: int) -> bytes:
    parts = []
    while part := request.stream.read(_CHUNK):
        parts.append(part)
    body = b"".join(parts)
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status)
    del response.headers["Content-Type"]
    for name, value in reply.all_headers.items():
        response.headers[name] = value
    return response
