"""From exceptions to answers: a page for people, a fragment for htmx, a problem document for programs."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, current_app, g, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

import logs
from blueprints.guard import is_api
from blueprints.labels import permission_label
from blueprints.requests import is_hook
from models import db
from services import trouble
from services.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, RateLimited, ServiceError

log = logging.getLogger(__name__)
T = TypeVar("T")
_STATUS: dict[type[ServiceError], int] = {
    NotFound: 404, Forbidden: 403, Invalid: 422, Conflict: 409, RateLimited: 429, QuotaExceeded: 429,
}  # fmt: skip


def sentence(error: ServiceError, **instead: str) -> str:
    """The service's English sentence in the reader's language; services keep them whole so that they can be looked up.
    `instead`: what to say in place of some of its parameters."""
    params = {**error.params, **instead}
    if "permission" in params:
        params = {**params, "permission": permission_label(params["permission"])}
    return _(error.message, **params) if error.message else ""


def blame(form: FlaskForm, error: ServiceError, otherwise: str = "", renamed: Mapping[str, str] | None = None) -> None:
    """Puts what a service refused under the field it speaks of, so that the form comes back with nothing lost."""
    name = getattr(error, "field", "") or otherwise
    name = (renamed or {}).get(name, name)
    field = form[name] if name in form else next(iter(form))
    field.errors = [*field.errors, sentence(error)]


def attempt(
    form: FlaskForm, deed: Callable[[], T], otherwise: str = "", renamed: Mapping[str, str] | None = None
) -> T | None:
    """What the service made of a valid form; or nothing, and the form says why. Show it again then, with status 422."""
    if not form.validate():
        return None
    try:
        return deed()
    except NotFound:
        raise
    except ServiceError as error:
        blame(form, error, otherwise, renamed)
        return None


def _service_error(error: ServiceError) -> AnyResponse:
    db.session.rollback()
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    answer = _answer(status, sentence(error), error.code, errors=_blamed(error))
    if isinstance(error, RateLimited):
        answer.headers["Retry-After"] = str(error.seconds)
    return answer


def _http_error(error: HTTPException) -> AnyResponse:
    if error.response is not None:
        return cast(AnyResponse, error.response)
    status = error.code or 500
    if status == 401 and not is_api(request.path):
        return _to_sign_in()
    answer = _answer(status, "", HTTPStatus(status).name)
    if status == 405 and (allowed := getattr(error, "valid_methods", None)):
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _to_sign_in() -> AnyResponse:
    target = url_for("auth.sign_in", next=_page_in_front())
    if "HX-Request" in request.headers:
        # A fragment cannot hold a sign-in page: the whole window goes there and comes back.
        return Response(status=401, headers={"HX-Redirect": target})
    return redirect(target)


def _page_in_front() -> str | None:
    """Where to come back to: not to the fragment that was asked for, but to the page it belongs to."""
    if "HX-Request" in request.headers:
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        return urlunsplit(("", "", page.path, page.query, "")) if page.netloc == request.host else None
    return request.full_path.rstrip("?") if request.method == "GET" else None


def _csrf_error(error: CSRFError) -> AnyResponse:
    view = current_app.view_functions.get(request.endpoint or "")
    if hasattr(view, "permission") and not current_user.is_authenticated:
        return _to_sign_in()  # the session is over, and with it the form's token
    return _answer(400, _("This form has been open for too long. Reload the page and try again."), "CSRF_FAILED")


def _database_error(error: SQLAlchemyError) -> AnyResponse:
    if not trouble.is_databases_own(error):
        return _unexpected(error)
    g.database_away = True  # what shows the page must not ask it again
    log.error("the database does not answer", exc_info=error)
    db.session.rollback()
    answer = _answer(503, _("The database is busy or away. Try again in a moment."), "UNAVAILABLE")
    answer.headers["Retry-After"] = "5"
    return answer


def _unexpected(error: Exception) -> AnyResponse:
    log.error("unexpected error", exc_info=error)
    db.session.rollback()
    return _answer(500, "", "INTERNAL_SERVER_ERROR")


def _blamed(error: ServiceError) -> list[dict[str, str]]:
    """Which members of the request are to blame, and for what."""
    if faults := getattr(error, "faults", None):
        return [{"field": fault.name, "message": str(fault)} for fault in faults]
    field = getattr(error, "field", "")
    return [{"field": field, "message": sentence(error)}] if field else []


def _answer(status: int, detail: str, code: str, errors: list[dict[str, str]] | None = None) -> AnyResponse:
    if is_api(request.path) or is_hook(request.path):
        return problem(status, detail, code, **({"errors": errors} if errors else {}))
    template = "errors/_fragment.html" if "HX-Request" in request.headers else "errors/page.html"
    body = render_template(template, status=status, detail=detail, code=code)
    return Response(body, status=status, mimetype="text/html")


def problem(status: int, detail: str, code: str, **more: object) -> Response:
    """RFC 9457."""
    body: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code,
            "request_id": logs.request_id.get()}  # fmt: skip
    if detail:
        body["detail"] = detail
    answer = jsonify(body | more)
    answer.status_code, answer.mimetype = status, "application/problem+json"
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="dastgoh"'
    return answer


def init_app(app: Flask) -> None:
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SQLAlchemyError, _database_error)
    app.register_error_handler(Exception, _unexpected)
