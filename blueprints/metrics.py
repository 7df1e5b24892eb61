"""What Prometheus reads. It tells of all tenants together, so no tenant's person may read it: only who runs the installation."""

import hmac
import ipaddress

from flask import Blueprint, Response, abort, request

from services import exposition
from services.wiring import settings

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def show() -> Response:
    """With METRICS_TOKEN, who brings it. Without, loopback in development: in production a proxy on the same machine would
    make everybody loopback."""
    token = settings().metrics_token
    if token and not _brings(token):
        return Response("A bearer token is needed.\n", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    if not token and not (settings().development and _is_from_here()):
        abort(404)
    try:
        return Response(exposition.text(), content_type=exposition.CONTENT_TYPE)
    except exposition.Unavailable:
        return Response("Redis does not answer.\n", 503, mimetype="text/plain")


def _brings(token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _is_from_here() -> bool:
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
