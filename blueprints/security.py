"""Headers that every answer carries, the nonce that lets our own scripts through, and protection of forms."""

import secrets

from flask import Flask, g, request
from flask_wtf import CSRFProtect
from werkzeug.wrappers import Response

csrf = CSRFProtect()

# Found by opening every part of the editor under it; see docs/decisions.md before loosening anything.
_CSP = "; ".join([
    "default-src 'none'", "script-src 'self' 'nonce-{nonce}'", "style-src 'self' 'nonce-{nonce}'",
    "style-src-attr 'unsafe-inline'", "font-src 'self'", "img-src 'self' data:", "connect-src 'self'",
    "worker-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
])  # fmt: skip
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def csp_nonce() -> str:
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def _secure(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _CSP.format(nonce=csp_nonce()))
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint not in ("static", "assets.file"):
        # What a signed-in person saw must not come back from a cache after sign-out.
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def init_app(app: Flask) -> None:
    csrf.init_app(app)
    app.after_request(_secure)
    app.context_processor(lambda: {"csp_nonce": csp_nonce()})
