"""`Idempotency-Key`: a POST that is sent again with the same key gets the same answer, and nothing is done again."""

import hashlib

from flask import Response, g, request

from blueprints.guard import actor
from services import idempotency
from services.idempotency import Answer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
COME_AGAIN = (429, 503)
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Retry-After", "X-Queue-Waiting", "X-Queue-Pressure")


def recognize() -> Response | None:
    if request.method != "POST" or HEADER not in request.headers:
        return None
    found = idempotency.begin(f"api:{actor().token_id}", request.headers[HEADER], _fingerprint())
    if isinstance(found, Answer):
        return Response(found.body, found.status, {**found.headers, REPLAYED: "true"})
    g.idempotency_claim = found
    return None


def remember(response: Response) -> Response:
    claim = g.pop("idempotency_claim", None)
    if claim and response.status_code in COME_AGAIN:
        idempotency.release(claim)
    elif claim:
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        idempotency.finish(claim, Answer(response.status_code, headers, response.get_data(as_text=True)))
    return response


def _fingerprint() -> str:
    asked = f"{request.method} {request.full_path}\n".encode()
    return hashlib.sha256(asked + request.get_data()).hexdigest()
