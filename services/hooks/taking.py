"""A request as the script sees it: `context.request`."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from services import parameters
from services.errors import Invalid
from services.hooks.finding import Found
from services.hooks.wire import Arrival, Refusal
from services.parameters import InputFault
from services.stored import as_json

DEFAULT_BODY_BYTES = 1024 * 1024
MOST_HEADER_BYTES = 32 * 1024
MOST_FIELDS = 1_000
FORM = "application/x-www-form-urlencoded"
# What would let a script, or whoever reads the run, act for the caller elsewhere.
NOT_PASSED_ON = frozenset({"authorization", "cookie", "proxy-authorization", "x-csrftoken"})


def check_size(arrival: Arrival) -> None:
    """They are kept with the run; the server itself would take many times more."""
    if sum(len(name) + len(value) for name, value in arrival.headers.items()) > MOST_HEADER_BYTES:
        raise Refusal(431, "HEADERS_TOO_LARGE", f"All headers together have at most {MOST_HEADER_BYTES} bytes.")


def read_body(arrival: Arrival, found: Found) -> bytes:
    return arrival.read(found.options.get("body_limit_bytes", DEFAULT_BODY_BYTES))


def request_of(arrival: Arrival, found: Found, body: bytes) -> dict[str, Any]:
    text = _text(body)
    request = {
        "method": arrival.method, "path": f"/{arrival.path.strip('/')}", "params": found.params,
        "headers": _headers(arrival, found), "query": _fields(arrival.query), "body": _parsed(arrival, body, text),
        "rawBody": text if text is not None else base64.b64encode(body).decode(),
        "rawBodyEncoding": "utf-8" if text is not None else "base64",
    }  # fmt: skip
    try:
        kept: dict[str, Any] = as_json(request, 8 * DEFAULT_BODY_BYTES, "body")
    except Invalid:
        raise Refusal(400, "INVALID_INPUT", "The request holds what cannot be kept as JSON.") from None
    return kept


def _headers(arrival: Arrival, found: Found) -> dict[str, str]:
    withheld = NOT_PASSED_ON
    if found.options.get("forward_authorization") and found.auth != "token":
        withheld = withheld - {"authorization"}
    return {name: value for name, value in arrival.headers.items() if name not in withheld}


def _text(body: bytes) -> str | None:
    """Exactly what was sent, or None where text cannot say it."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _parsed(arrival: Arrival, body: bytes, text: str | None) -> Any:
    kind = _kind(arrival.headers)
    if not body:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        return _json(text)
    if kind == FORM and text is not None:
        return _fields(text)
    return text


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _json(text: str | None) -> Any:
    try:
        return json.loads((text or "").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise Refusal(400, "INVALID_INPUT", "The body says it is JSON, and is not.") from None


def _fields(text: str) -> dict[str, str | list[str]]:
    """A name that comes once has its value, one that comes again a list of them."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refusal(400, "INVALID_INPUT", f"At most {MOST_FIELDS} fields.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def input_of(found: Found, request: dict[str, Any]) -> Any:
    """A script that declares parameters gets them: from the body, or from address and query where there is none."""
    declared = found.script.parameters
    if not declared:
        return None
    if request["body"] is None:
        return _as_declared(declared, {**request["query"], **request["params"]})
    is_form = _kind(request["headers"]) == FORM
    return _as_declared(declared, request["body"]) if is_form else request["body"]


def _as_declared(declared: list[dict[str, Any]], fields: dict[str, Any]) -> dict[str, Any]:
    """An address and a form know nothing but text: a parameter that is a number is read as one."""
    return fields | {each["name"]: _meant(each, fields[each["name"]]) for each in declared if each["name"] in fields}


def _meant(parameter: dict[str, Any], given: Any) -> Any:
    """As it came where it cannot be read: then the check of the input says what is wrong."""
    if parameter["type"] == "string" or not isinstance(given, str):
        return given
    value = parameters.read(parameter, given, "en")
    return given if isinstance(value, InputFault) else value
