"""Who may call an endpoint: whoever has a token of the business, whoever knows its secret, or anybody."""

import logging
import time

from redis import RedisError

from services import secrets, throttle, tokens
from services.errors import Conflict, NotFound, RateLimited
from services.hooks import signatures
from services.hooks.finding import Found
from services.hooks.signatures import BadSignature, Scheme
from services.hooks.wire import Arrival, Refusal
from services.identity import Principal
from services.wiring import redis

log = logging.getLogger(__name__)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="dastgoh"'}


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
        seconds = max(1, round(error.resets_in))
        raise Refusal(429, "RATE_LIMITED", f"At most {most} requests a minute.",
                      headers={"Retry-After": str(seconds)}) from None  # fmt: skip


def by_signature(found: Found, arrival: Arrival, body: bytes) -> str:
    """Answers what to forget again should the request come to nothing; "" where the endpoint asks for no signature."""
    if found.auth != "signature":
        return ""
    scheme = Scheme(**found.options["signature"])
    try:
        digest = signatures.verify(scheme, _secret(found, scheme), arrival.headers, body, time.time())
    except BadSignature as reason:
        raise Refusal(401, "BAD_SIGNATURE", str(reason)) from None
    return _remember(found, scheme, digest)


def _secret(found: Found, scheme: Scheme) -> str:
    try:
        return secrets.read_for_endpoint(found.tenant_id, scheme.secret, f"{found.script.name}: {found.endpoint_id}")
    except (NotFound, Conflict) as problem:
        log.warning("endpoint %s cannot check signatures: %s", found.endpoint_id, problem)
        raise Refusal(500, "MISCONFIGURED", "This endpoint cannot check signatures at the moment.") from None


def _remember(found: Found, scheme: Scheme, digest: str) -> str:
    """One signature is good for one run. Where it cannot be remembered, nobody can rule out that it came before."""
    key = f"signature:{found.endpoint_id}:{digest}"
    try:
        # Too old afterwards anyway; its timestamp may also lie ahead.
        is_new = redis().set(key, 1, nx=True, ex=2 * scheme.tolerance_s if scheme.has_timestamp else scheme.tolerance_s)
    except RedisError:
        log.warning("signed requests are refused: Redis does not answer")
        raise Refusal(503, "UNAVAILABLE", "Try again in a moment.", headers={"Retry-After": "5"}) from None
    if not is_new:
        raise Refusal(409, "REPLAYED", "A request with this signature came before.")
    return key


def forget(key: str) -> None:
    """It came to nothing: its sender may send it again."""
    if not key:
        return
    try:
        redis().delete(key)
    except RedisError:
        log.warning("a signature stays remembered: Redis does not answer")
