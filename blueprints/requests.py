"""An id for every request, in its answer and in its log lines; one log line for every request."""

import logging
import re
import time
from uuid import uuid4

from flask import Flask, abort, current_app, g, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

import logs
from models.database import reading
from services.slow_senders import slow_senders
from settings import Settings

log = logging.getLogger("dastgoh.request")
# A caller's own id is kept if it is harmless, so that one id follows a request through several services.
BODY_SECONDS = 20  # a phone on a bad line may send an import
_HARMLESS = re.compile(r"[A-Za-z0-9._-]{8,64}")


def is_hook(path: str) -> bool:
    """An endpoint's script may write whatever the method, and its request's body is not ours to read."""
    return path.startswith("/hooks/")


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    logs.request_id.set(given if _HARMLESS.fullmatch(given) else uuid4().hex)
    logs.remote_ip.set(request.remote_addr or "")
    g.started = time.perf_counter()
    _hold_to_its_length()
    if request.method in ("GET", "HEAD", "OPTIONS") and not is_hook(request.path):
        g.reading = reading()
        g.reading.__enter__()


def _hold_to_its_length() -> None:
    """The server calls a body complete when its sender hangs up: half a script would be saved, half an order be run. Without its
    word the framework counts to the length that was announced. Chunks announce none, and the server knows their end."""
    if request.content_length is not None:
        request.environ.pop("wsgi.input_terminated", None)


def _take_body() -> None:
    """All of it, and in time, before anybody reads it: its sender could keep a thread of the server for as long as they like."""
    if is_hook(request.path):
        return
    most = current_app.config["MAX_CONTENT_LENGTH"]
    request.max_content_length = most + 1  # what comes in chunks the framework cuts off there, and says nothing
    try:
        with slow_senders.within(BODY_SECONDS, request.environ.get("gunicorn.socket")):
            body = request.get_data()
    except TimeoutError:
        abort(408)
    if len(body) > most:
        abort(413)


def _refuse_nul() -> None:
    """No text has a NUL in it, and PostgreSQL stores none: such a request was made by a machine looking for a weak spot."""
    if is_hook(request.path):
        return
    values = [*request.args.values(), *request.form.values()] if not request.path.startswith("/static/") else []
    if "\0" in request.path or any("\0" in value for value in values):
        abort(400)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = logs.request_id.get()
    took_ms = (time.perf_counter() - g.started) * 1000
    response.headers["Server-Timing"] = f"app;dur={took_ms:.1f}"
    if not request.path.startswith(("/static/", "/health/")):
        known = {"status": response.status_code, "ms": round(took_ms, 1), **_whose()}
        log.info("%s %s", request.method, request.path, extra=known)
    return response


def _whose() -> dict[str, str]:
    """The tenant, where somebody asked who this is already: a line in the log is no reason to."""
    tenant = getattr(g.get("_login_user"), "tenant", None)
    return {"tenant": tenant.slug} if tenant else {}


def _leave(_error: BaseException | None) -> None:
    entered = g.pop("reading", None)
    if entered:
        entered.__exit__(None, None, None)


def init_app(app: Flask, settings: Settings) -> None:
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.before_request(_take_body)
    app.before_request(_refuse_nul)
    app.after_request(_finish)
    app.teardown_request(_leave)
    app.context_processor(lambda: {"request_id": logs.request_id.get()})
