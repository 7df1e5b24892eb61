"""From what a script returned to what its caller gets: `{status?, headers?, body?}`, or anything else as JSON with 200.

The answer leaves from the workbench's own address, so a script does not decide everything about it: see docs/endpoints.md.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Protocol
from uuid import UUID

from services.errors import RateLimited
from services.hooks.wire import Refusal, Reply

MEMBERS = frozenset({"status", "headers", "body", "encoding"})
MOST_HEADERS, MOST_HEADER_BYTES = 50, 16 * 1024
STATUSES = {status.value for status in HTTPStatus if status >= 200}
WITHOUT_BODY = frozenset({204, 205, 304})
LATEST_S = 86_400

# Between two programs on the way, or ours to say.
HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "content-length", "date", "server", "via", "x-request-id", "x-execution-id",
})  # fmt: skip
# They would speak for the whole address, to browsers that are signed in here, or to a proxy in front.
DANGEROUS = frozenset({
    "set-cookie", "set-cookie2", "clear-site-data", "strict-transport-security", "public-key-pins", "alt-svc",
    "service-worker-allowed", "content-security-policy", "content-security-policy-report-only", "x-content-type-options",
    "x-frame-options", "permissions-policy", "referrer-policy", "www-authenticate", "authentication-info", "refresh",
    "origin-agent-cluster", "document-policy", "nel", "report-to", "reporting-endpoints", "sourcemap", "x-sourcemap",
    "speculation-rules", "x-sendfile", "x-lighttpd-send-file", "x-dns-prefetch-control", "x-permitted-cross-domain-policies",
})  # fmt: skip
_DANGEROUS_FAMILIES = ("access-control-", "cross-origin-", "x-accel-", "sec-", "proxy-")
# A page of ours trusts scripts and styles of its own address.
_ACTIVE = re.compile(r"(application|text)/(x-)?(javascript|ecmascript|jscript|livescript)|text/css", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Run(Protocol):
    """How a run ended: as it comes back from being waited for, or as its row has it."""

    @property
    def id(self) -> UUID: ...
    @property
    def status(self) -> str: ...
    @property
    def output(self) -> Any: ...
    @property
    def error(self) -> Mapping[str, Any] | None: ...


def of(run: Run) -> Reply:
    if run.status != "succeeded":
        raise _failure(run)
    if not is_answer(run.output):
        return _json(200, {}, run.output, run.id) if run.output is not None else Reply(204, {}, b"", run.id)
    answer = run.output
    status, headers = _status(answer.get("status", 200), run.id), _headers(answer.get("headers") or {}, run.id)
    if status in WITHOUT_BODY:
        return Reply(status, headers, b"", run.id)
    return _with_body(status, headers, answer, run.id)


def accepted(execution_id: UUID) -> Reply:
    """For a run that nobody waits for."""
    headers = {"Location": f"/api/v1/executions/{execution_id}"}
    return _json(202, headers, {"execution_id": str(execution_id)}, execution_id)


def is_answer(output: Any) -> bool:
    """Only what can be nothing else: `{status: "paid"}` is data."""
    if not isinstance(output, dict) or not output or not output.keys() <= MEMBERS or output.keys() == {"encoding"}:
        return False
    status = output.get("status", 200)
    is_number = isinstance(status, int | float) and not isinstance(status, bool)
    return is_number and isinstance(output.get("headers") or {}, dict)


def _with_body(status: int, headers: dict[str, str], answer: Mapping[str, Any], id_: UUID) -> Reply:
    body = answer.get("body")
    if answer.get("encoding") is not None:
        return Reply(status, {"Content-Type": "application/octet-stream"} | headers, _bytes(answer, id_), id_)
    if isinstance(body, str):
        return Reply(status, {"Content-Type": "text/plain; charset=utf-8"} | headers, body.encode(), id_)
    if body is None:
        return Reply(status, headers, b"", id_)
    return _json(status, headers, body, id_)


def _bytes(answer: Mapping[str, Any], id_: UUID) -> bytes:
    try:
        if answer["encoding"] != "base64":
            raise ValueError
        return base64.b64decode(answer.get("body"), validate=True)  # type: ignore[arg-type]
    except (ValueError, TypeError, binascii.Error):
        raise _unsendable("with encoding “base64” the body must be base64", id_) from None


def _json(status: int, headers: Mapping[str, str], value: Any, id_: UUID) -> Reply:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, {"Content-Type": "application/json", **headers}, body, id_)


def _status(status: int | float, id_: UUID) -> int:
    if status not in STATUSES:
        raise _unsendable(f"{status} is not a status from 200 to 599", id_)
    return int(status)


def _headers(given: Mapping[str, Any], id_: UUID) -> dict[str, str]:
    if len(given) > MOST_HEADERS:
        raise _unsendable(f"it has more than {MOST_HEADERS} headers", id_)
    headers = {_name(name, id_): _value(name, value, id_) for name, value in given.items()}
    if sum(len(name) + len(value) for name, value in headers.items()) > MOST_HEADER_BYTES:
        raise _unsendable(f"its headers have more than {MOST_HEADER_BYTES} bytes", id_)
    if _ACTIVE.search(headers.get("Content-Type", "")):
        raise _unsendable("scripts and styles for browsers are not served", id_)
    return headers


def _name(name: str, id_: UUID) -> str:
    small = name.lower()
    if not _NAME.fullmatch(name):
        raise _unsendable("it has a header without a proper name", id_)
    if small in HOP_BY_HOP or small in DANGEROUS or small.startswith(_DANGEROUS_FAMILIES):
        raise _unsendable(f"the header {name} is not allowed", id_)
    return name.title()


def _value(name: str, value: Any, id_: UUID) -> str:
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | int | float) and not isinstance(each, bool) for each in texts):
        raise _unsendable(f"the header {name} is neither text nor number", id_)
    text = ", ".join(str(each) for each in texts).strip()
    if not _VALUE.fullmatch(text):
        raise _unsendable(f"the header {name} has a character that no header may have", id_)
    if name.lower() == "location" and not _is_address(text):
        raise _unsendable("Location is no http address", id_)
    return text


def _is_address(text: str) -> bool:
    scheme, separator, _ = text.partition(":")
    return not separator or "/" in scheme or scheme.lower() in ("http", "https")


def _unsendable(reason: str, id_: UUID) -> Refusal:
    """Told in so many words: it is about what the script returned, and whoever writes it sees it only here."""
    return Refusal(500, "BAD_ANSWER", f"The script's answer cannot be sent: {reason}.", execution_id=id_)


# ---- runs that gave no answer


def busy(id_: UUID | None = None, seconds: int = 1) -> Refusal:
    return Refusal(503, "BUSY", "Too much is going on. Try again in a moment.", execution_id=id_,
                   headers={"Retry-After": str(seconds)})  # fmt: skip


def switched_off(id_: UUID | None = None) -> Refusal:
    return Refusal(503, "FEATURE_DISABLED", "Scripts are switched off here.", execution_id=id_,
                   headers={"Retry-After": "60"})  # fmt: skip


def unfit(faults: Iterable[Mapping[str, Any]], id_: UUID | None = None) -> Refusal:
    errors = [{"field": str(fault.get("name", "")), "message": str(fault.get("message", ""))} for fault in faults]
    return Refusal(422, "INVALID_INPUT", "The request does not fit the script's parameters.", execution_id=id_,
                   errors=errors)  # fmt: skip


def too_many(refusal: RateLimited) -> Refusal:
    """Nothing ran: whoever it belongs to has had its runs, or its requests, of this minute."""
    return Refusal(429, refusal.code, str(refusal), headers={"Retry-After": str(refusal.seconds)})


def is_busy(run: Run) -> bool:
    """It was refused for want of room, before it began: sent again, it may well run."""
    code = run.error["code"] if run.error else ""
    return code == "POOL_EXHAUSTED" or (run.status == "refused" and code == "RATE_LIMITED")


def _failure(run: Run) -> Refusal:
    error = run.error or {}
    code = error.get("code", "")
    if is_busy(run):
        return busy(run.id)
    if code == "FEATURE_DISABLED":
        return switched_off(run.id)
    if run.status == "refused" and code == "INVALID_INPUT":
        return unfit((error.get("details") or {}).get("faults", []), run.id)
    details = error.get("details") or {}
    if "retry_after" in details:  # sdk.RetryAfter, or a limit of the SDK that the script left uncaught
        seconds = str(min(LATEST_S, max(1, math.ceil(details["retry_after"] or 0))))
        return Refusal(503, "RETRY_LATER", "The script asks to come again later.", execution_id=run.id,
                       headers={"Retry-After": seconds})  # fmt: skip
    if run.status == "timed_out":
        return Refusal(504, "TIMEOUT", "The script did not answer in time.", execution_id=run.id)
    return Refusal(500, "SCRIPT_FAILED", "The script failed.", execution_id=run.id)
