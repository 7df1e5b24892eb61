"""Which pages of other sites may call an endpoint from a browser. Never with cookies: endpoints know none."""

import re
from collections.abc import Mapping

from services.endpoint_checks import ANY_ORIGIN
from services.hooks.finding import Found, Place
from services.hooks.wire import RUN_HEADER, Arrival, Reply

_NAMES = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+(,\s*[a-z0-9!#$%&'*+.^_`|~-]+){0,30}")


def headers(found: Found | None, arrival: Arrival) -> dict[str, str]:
    """What every answer to such a page carries, also one that refuses."""
    settings = found.options.get("cors") if found else None
    if not settings:
        return {}
    shared = {"Vary": "Origin", "Cross-Origin-Resource-Policy": "cross-origin"}
    origin = _allowed(settings, arrival)
    if not origin:
        return shared
    exposed = f"{RUN_HEADER}, X-Request-Id, Retry-After, Idempotency-Replayed"
    return {**shared, "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": exposed}


def preflight(place: Place, arrival: Arrival) -> Reply | None:
    """The answer to a browser that asks first; None where the request is none of that kind, or nobody set CORS up."""
    method = arrival.headers.get("access-control-request-method", "")
    if arrival.method != "OPTIONS" or not method or "origin" not in arrival.headers:
        return None
    found = place.answering(method)
    if not found or "cors" not in found.options:
        return None
    settings = found.options["cors"]
    answer = headers(found, arrival) | {"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
    if "Access-Control-Allow-Origin" in answer:
        answer |= {"Access-Control-Allow-Methods": place.allow, "Access-Control-Max-Age": str(settings["max_age_s"])}
        if names := _header_names(settings, arrival):
            answer["Access-Control-Allow-Headers"] = names
    return Reply(204, answer)


def _allowed(settings: Mapping[str, list[str]], arrival: Arrival) -> str:
    origin = arrival.headers.get("origin", "")
    if ANY_ORIGIN in settings["origins"]:
        return ANY_ORIGIN
    return origin if origin in settings["origins"] else ""


def _header_names(settings: Mapping[str, list[str]], arrival: Arrival) -> str:
    """Those that were set, or those the browser asks for: without cookies there is nothing to lose by them."""
    if settings["headers"]:
        return ", ".join(settings["headers"])
    asked = arrival.headers.get("access-control-request-headers", "").lower()
    return asked if _NAMES.fullmatch(asked) else ""
