"""Is each fact about an endpoint what it may be? Every check answers the value as it is kept, or says what is wrong."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from models.endpoint import AUTHS, METHODS, MODES
from runtime.limits import MIB
from services import endpoint_paths
from services.errors import Invalid
from services.hooks import signatures

MOST_BODY_BYTES = MIB
LONGEST_WAIT_S = 300
MOST_PER_MINUTE = 60_000
MOST_ORIGINS, MOST_HEADERS = 20, 30
LONGEST_PREFLIGHT_S = 86_400
ANY_ORIGIN = "*"
_PORTS = {"http": 80, "https": 443}  # which browsers leave out

_HOST = re.compile(r"[a-z0-9._-]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


def _methods(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)) or not value or not all(method in METHODS for method in value):
        raise Invalid("Choose at least one method of %(known)s.", field="methods", known=", ".join(METHODS))
    return [method for method in METHODS if method in value]


def _auth(value: object) -> str:
    if value not in AUTHS:
        raise Invalid("Callers prove themselves by token or signature, or the endpoint is public.", field="auth")
    return str(value)


def _mode(value: object) -> str:
    if value not in MODES:
        raise Invalid("The mode is sync or async.", field="mode")
    return str(value)


def _enabled(value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid("This must be true or false.", field="enabled")
    return value


CHECKS = {"path": endpoint_paths.check, "methods": _methods, "auth": _auth, "mode": _mode, "enabled": _enabled}


# ---- options: kept as far as they are given


def options(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid("This must be an object.", field="options")
    for name in value:
        if name not in _OPTIONS:
            raise Invalid("There is no option “%(name)s”.", field="options", name=str(name)[:50])
    return {name: check(value[name]) for name, check in _OPTIONS.items() if value.get(name) is not None}


def _whole(name: str, low: int, high: int) -> Any:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Invalid(
                "This must be a whole number from %(low)s to %(high)s.", field=f"options.{name}", low=low, high=high
            )
        return value

    return check


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid("This must be true or false.", field="options.forward_authorization")
    return value


def _cors(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value.keys() <= {"origins", "headers", "max_age_s"}:
        raise Invalid("CORS settings are origins, headers and max_age_s.", field="options.cors")
    origins = _words(value.get("origins"), MOST_ORIGINS, "options.cors.origins")
    if not origins or not all(origin == ANY_ORIGIN or _is_origin(origin) for origin in origins):
        raise Invalid("Origins are written like https://shop.example, or * for all.", field="options.cors.origins")
    headers = _words(value.get("headers", []), MOST_HEADERS, "options.cors.headers")
    if not all(_HEADER.fullmatch(name) for name in headers):
        raise Invalid("These are not names of headers.", field="options.cors.headers")
    max_age_s = _whole("cors.max_age_s", 0, LONGEST_PREFLIGHT_S)(value.get("max_age_s", 600))
    return {"origins": origins, "headers": [name.lower() for name in headers], "max_age_s": max_age_s}


def _words(value: object, most: int, field: str) -> list[str]:
    if not isinstance(value, (list, tuple)) or len(value) > most or not all(isinstance(each, str) for each in value):
        raise Invalid("This is a list of at most %(most)s texts.", field=field, most=most)
    return list(dict.fromkeys(value))


def _is_origin(text: str) -> bool:
    """Scheme, host and port as browsers write them, and nothing else: any other spelling would never be met."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = _host(parts)
    written = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
    is_usual = port is None or port != _PORTS.get(parts.scheme)
    return bool(host) and parts.scheme in _PORTS and text == written and is_usual and len(text) <= 200


def _host(parts: SplitResult) -> str:
    """Empty where it is none, such as one with a star or with letters that browsers write as xn--…"""
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host * bool(_HOST.fullmatch(host))


_OPTIONS = {
    "signature": signatures.check,
    "cors": _cors,
    "rate_per_minute": _whole("rate_per_minute", 1, MOST_PER_MINUTE),
    "body_limit_bytes": _whole("body_limit_bytes", 1, MOST_BODY_BYTES),
    "timeout_s": _whole("timeout_s", 1, LONGEST_WAIT_S),
    "forward_authorization": _flag,
}  # fmt: skip


def together(auth: str, options: Mapping[str, Any]) -> None:
    """What no fact shows by itself."""
    if auth == "signature" and "signature" not in options:
        raise Invalid("Say how requests are signed.", field="options.signature")
