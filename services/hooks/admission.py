"""Who may call an endpoint: whoever has a token of the business, whoever knows its secret, or anybody."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import RedisError

from services import secrets, throttle, tokens
from services.endpoint_checks import LONGEST_WAIT_S
from services.errors import Conflict, NotFound, RateLimited
from services.hooks import signatures
from services.hooks.finding import Found
from services.hooks.signatures import BadSignature, Scheme
from services.hooks.wire import Arrival, Refusal
from services.identity import Principal
from services.wiring import redis

log = logging.getLogger(__name__)
# Longer than any request may take. If the server dies meanwhile, the sender's next attempt after that is let in.
IN_USE_S = LONGEST_WAIT_S + 60
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="dastgoh"'}


class Replayed(Refusal):
    """A copy of a request that came before; its idempotency key may say that its own sender tries again."""

    def __init__(self) -> None:
        super().__init__(409, "REPLAYED", "A request with this signature came before.")


def by_token(found: Found, arrival: Arrival) -> Principal | None:
    """For whom the run is; None where the endpoint asks for no token."""
    if found.auth != "token":
        return None
    caller = arrival.caller or _owner(arrival.headers.get("authorization", ""))
    if caller is None or caller.tenant is None or caller.tenant.id != found.tenant_id:
        raise Refusal(401, "UNAUTHORIZED", "A token of this business is needed.", headers=_CHALLENGE)
    if not caller.may("scripts.execute"):
        raise Refusal(403, "PERMISSION_DENIED", "The token does not permit running scripts.")
    return caller


def _owner(authorization: str) -> Principal | None:
    scheme, _, secret = authorization.partition(" ")
    return tokens.load(secret.strip()) if scheme.lower() == "bearer" and secret.strip() else None


def limit_rate(found: Found) -> None:
    most = found.options.get("rate_per_minute")
    if most is None:
        return
    try:
        throttle.count(f"endpoint:{found.endpoint_id}", most)
    except RateLimited as error:
        raise Refusal(429, "RATE_LIMITED", f"At most {most} requests a minute.",
                      headers={"Retry-After": str(error.seconds)}) from None  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """A signature that is in use, or was."""

    key: str
    seconds: int  # for how long it must not come again


def by_signature(found: Found, arrival: Arrival, body: bytes) -> Seen | None:
    """To be forgotten or remembered, by what the request comes to; None where the endpoint asks for no signature."""
    if found.auth != "signature":
        return None
    scheme = Scheme(**found.options["signature"])
    try:
        digest = signatures.verify(scheme, _secret(found, scheme), arrival.headers, body, time.time())
    except BadSignature as reason:
        raise Refusal(401, "BAD_SIGNATURE", str(reason)) from None
    limit_rate(found)  # only now: strangers use nothing up
    # With a timestamp it is too old afterwards anyway; that may also lie ahead.
    seen = Seen(f"signature:{found.endpoint_id}:{digest}", scheme.tolerance_s * (2 if scheme.has_timestamp else 1))
    _take(seen)
    return seen


def _secret(found: Found, scheme: Scheme) -> str:
    try:
        return secrets.read_for_endpoint(found.tenant_id, scheme.secret, f"{found.script.name}: {found.endpoint_id}")
    except (NotFound, Conflict) as problem:
        log.warning("endpoint %s cannot check signatures: %s", found.endpoint_id, problem)
        raise Refusal(500, "MISCONFIGURED", "This endpoint cannot check signatures at the moment.") from None


def _take(seen: Seen) -> None:
    """One signature is good for one run. Where it cannot be remembered, nobody can rule out that it came before."""
    try:
        is_new = redis().set(seen.key, 1, nx=True, ex=min(seen.seconds, IN_USE_S))
    except RedisError:
        log.warning("signed requests are refused: Redis does not answer")
        raise Refusal(503, "UNAVAILABLE", "Try again in a moment.", headers={"Retry-After": "5"}) from None
    if not is_new:
        raise Replayed


def remember(seen: Seen | None) -> None:
    """It did what it should."""
    if seen:
        _keep(lambda: redis().set(seen.key, 1, ex=seen.seconds))


def forget(seen: Seen | None) -> None:
    """It came to nothing: its sender may send it again."""
    if seen:
        _keep(lambda: redis().delete(seen.key))


def _keep(deed: Callable[[], object]) -> None:
    try:
        deed()
    except RedisError:
        log.warning("a signature stays in use until its time is over: Redis does not answer")
