"""One view, two readers: a whole page for the browser, the page's fragment for htmx."""

import json
from typing import Any, cast

from flask import Flask, Response, flash, get_flashed_messages, make_response, redirect, render_template, request


def init_app(app: Flask) -> None:
    app.context_processor(lambda: {"is_htmx": is_htmx()})
    app.after_request(_flashes_become_toasts)
    app.after_request(_vary_by_reader)


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def wants_fragment() -> bool:
    """htmx asks for a part of the page; when it swaps the whole body it says so and gets the whole page."""
    return is_htmx() and request.headers.get("HX-Request-Type") != "full"


def render(page: str, fragment: str, /, status: int = 200, **context: Any) -> Response:
    """Render `fragment` for htmx and `page`, which includes the same fragment, for everybody else."""
    template = fragment if wants_fragment() else page
    return make_response(render_template(template, **context), status)


def redirect_to(address: str) -> Response:
    """Send the reader to another page. htmx would follow a 303 and put that page into the fragment's place."""
    if not is_htmx():
        return make_response(redirect(address, 303))
    response = make_response("", 204)
    response.headers["HX-Redirect"] = address
    return response


def toast(text: str, kind: str = "ok") -> None:
    """Tell the user: the next page shows it, or a toast on this one. Kinds: ok, run, warn, error."""
    flash(text, kind)


def trigger(response: Response, **events: Any) -> Response:
    """Fire browser events when htmx has swapped the response: `trigger(response, scriptSaved={"version": 3})`."""
    fired = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps(fired | events)  # ASCII: header values carry nothing else safely
    return response


def _flashes_become_toasts(response: Response) -> Response:
    """A whole page shows what was flashed; a fragment has no place for it, so the browser is told to."""
    if not is_htmx() or request.method == "GET" or "HX-Redirect" in response.headers:
        return response
    flashed = cast(list[tuple[str, str]], get_flashed_messages(with_categories=True))
    toasts = [{"kind": kind, "text": str(text)} for kind, text in flashed]
    return trigger(response, toasts={"items": toasts}) if toasts else response


def _vary_by_reader(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.vary.add("HX-Request")
    return response
