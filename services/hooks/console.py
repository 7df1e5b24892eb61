"""Calling an endpoint from its own page: a real request through the real door, so that the answer is the one callers get.

Only the proof of who calls is brought along: whoever looks at the page stands in for a token, and a signature is made with
the secret without anybody seeing it.
"""

import re
import time
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import func, select

from models.base import db
from models.endpoint import METHODS, Endpoint
from models.secret import Secret
from services import endpoints, secrets
from services.errors import Conflict, NotFound
from services.hooks import door
from services.hooks.signatures import Scheme, signed_headers
from services.hooks.wire import Arrival, Refusal, Reply
from services.identity import Principal, require

MOST_SHOWN = 20_000
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*:\s*(.*)")
_LEFT_AS_IT_IS = "/:%-._~!$&'()*+,;=@"


@dataclass(frozen=True)
class Attempt:
    """As it stands in the form."""

    method: str
    path: str
    query: str = ""
    headers: str = ""
    body: str = ""


@dataclass(frozen=True)
class Answer:
    reply: Reply
    took_ms: float

    @property
    def text(self) -> str | None:
        """None where it is no text; of much text the beginning."""
        try:
            return self.reply.body.decode()[:MOST_SHOWN]
        except UnicodeDecodeError:
            return None

    @property
    def is_cut(self) -> bool:
        return self.text is not None and len(self.text.encode()) < len(self.reply.body)


def send(actor: Principal, endpoint_id: UUID, attempt: Attempt, ip: str) -> Answer:
    require(actor, "scripts.execute")
    endpoint = endpoints.get(actor, endpoint_id)
    assert actor.tenant is not None
    body = attempt.body.replace("\r\n", "\n").encode("utf-8", "replace")
    began = time.perf_counter()
    try:
        arrival = Arrival(
            method=attempt.method if attempt.method in METHODS else endpoint.methods[0], tenant=actor.tenant.slug,
            path=quote(attempt.path.strip().strip("/"), safe=_LEFT_AS_IT_IS),
            query=quote(attempt.query.strip().removeprefix("?"), safe=f"{_LEFT_AS_IT_IS}?"),
            headers=_headers(attempt.headers) | _proof(actor, endpoint, body), ip=ip, read=lambda limit: _within(body, limit),
            caller=actor,
        )  # fmt: skip
        db.session.commit()
        reply = door.answer(arrival)
    except Refusal as refusal:
        reply = refusal.reply()
    return Answer(reply, (time.perf_counter() - began) * 1000)


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise Refusal(413, "BODY_TOO_LARGE", f"The body has at most {limit} bytes.")
    return body


def _headers(text: str) -> dict[str, str]:
    """One a line; what is no header is left out, as a browser would."""
    lines = (_HEADER.fullmatch(line.strip()) for line in text.splitlines())
    return {line[1].lower(): line[2] for line in lines if line}


def _proof(actor: Principal, endpoint: Endpoint, body: bytes) -> dict[str, str]:
    if endpoint.auth != "signature" or actor.tenant is None:
        return {}
    scheme = Scheme(**endpoint.options["signature"])
    try:
        secret = secrets.read_for_endpoint(actor.tenant.id, scheme.secret, actor.email)
    except (NotFound, Conflict):
        return {}  # the door says what is wrong
    return {name.lower(): value for name, value in signed_headers(scheme, secret, body, time.time()).items()}


def has_secret(endpoint: Endpoint) -> bool:
    name = endpoint.options["signature"]["secret"]
    return bool(db.session.scalar(select(func.count()).select_from(Secret).where(Secret.name == name)))
