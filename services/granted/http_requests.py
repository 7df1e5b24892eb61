"""A request as it will be sent: checked headers, the body, and what becomes of both on a redirect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import h11

from runtime.errors import HostError, clipped
from services.granted.http_connections import Head
from services.granted.http_content import ACCEPTED_ENCODINGS
from services.granted.http_urls import Target, join

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 * 1024

# These describe the connection or the message's own shape. A script that could set them could smuggle requests.
OWN_HEADERS = frozenset(
    [
        "host",
        "connection",
        "keep-alive",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept-encoding",
        "http2-settings",
        "via",
    ]
)
OWN_PREFIXES = ("proxy-", "sec-")
# Everything else may carry a key, so a redirect to another origin does not get to see it.
KEPT_ACROSS_ORIGINS = frozenset(
    ["accept", "accept-language", "content-type", "content-language", "range", "user-agent"]
)
BODY_HEADERS = frozenset(["content-type", "content-language", "content-encoding", "content-location"])


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: Target
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def is_safe(self) -> bool:
        return self.method in SAFE_METHODS

    def redirected(self, head: Head) -> "Request | None":
        """The request this answer asks for instead, by the rules browsers follow; None when it is no redirect."""
        location = head.first("location")
        if head.status not in REDIRECTS or location is None:
            return None
        onward = replace(self, target=join(self.target, location))
        if (head.status == 303 and self.method != "HEAD") or (head.status in (301, 302) and self.method == "POST"):
            onward = replace(onward, method="GET", body=None, headers=_without(self.headers, BODY_HEADERS))
        if onward.target.origin != self.target.origin:
            onward = replace(onward, headers=_only(onward.headers, KEPT_ACROSS_ORIGINS))
        return onward

    def on_wire(self) -> h11.Request:
        headers = [("host", self.target.authority), *self.headers, ("accept-encoding", ACCEPTED_ENCODINGS)]
        if self.body is not None or self.method in ("POST", "PUT", "PATCH"):
            headers.append(("content-length", str(len(self.body or b""))))
        return h11.Request(method=self.method, target=self.target.path, headers=headers)


def checked_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers in lower case with our defaults, or INVALID_INPUT that names the wrong one."""
    checked = {"accept": "*/*", "user-agent": "Dastgoh"}
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADER_BYTES:
        raise HostError("INVALID_INPUT", f"At most {MAX_HEADERS} headers and {MAX_HEADER_BYTES} bytes of them")
    seen = set()
    for name, value in headers.items():
        lower = name.lower()
        if not re.fullmatch(r"[a-z0-9!#$%&'*+.^_`|~-]+", lower):
            raise HostError("INVALID_INPUT", f"Not a header name: {clipped(name, 80)!r}")
        if lower in seen:
            raise HostError("INVALID_INPUT", f"The header {lower} is given twice")
        if lower in OWN_HEADERS or lower.startswith(OWN_PREFIXES):
            raise HostError("INVALID_INPUT", f"The header {lower} is set by Dastgoh and cannot be chosen")
        if not re.fullmatch(r"[\t\x20-\x7e]*", value):
            raise HostError("INVALID_INPUT", f"The header {lower} has a value that is not plain ASCII on one line")
        seen.add(lower)
        checked[lower] = value.strip("\t ")
    return tuple(checked.items())


def _without(headers: tuple[tuple[str, str], ...], names: frozenset[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name not in names)


def _only(headers: tuple[tuple[str, str], ...], names: frozenset[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name in names)
