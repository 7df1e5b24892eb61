"""Signed requests: the sender proves by an HMAC over the body, bytes as they arrived, that it knows a secret of the tenant.

Where the signature stands, how it is written and what it covers differs from sender to sender: a Scheme says it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from services.errors import Invalid

ALGORITHMS = ("sha256", "sha512", "sha384", "sha1")
ENCODINGS = ("hex", "base64")
LONGEST_TOLERANCE_S = 86_400

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_FIELD = re.compile(r"[A-Za-z0-9_]{1,20}")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_PLAIN = re.compile(r"[ -~]*")
BODY, TIMESTAMP = "{body}", "{timestamp}"
# More signatures than a sender that changes its key would ever send.
_MOST_CANDIDATES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    secret: str = ""  # the name of a secret of the tenant
    header: str = "X-Signature"
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""  # before the signature, as in `sha256=…`
    payload: str = BODY  # what is signed
    timestamp_header: str = ""
    fields: str = ""  # `t,v1`: the header holds `t=…,v1=…`, that is, timestamp and signature
    tolerance_s: int = 300  # a signature older than this is refused; without a timestamp: remembered for so long

    @property
    def has_timestamp(self) -> bool:
        return bool(self.timestamp_header or self.fields)


PRESETS: Mapping[str, Scheme] = {
    "plain": Scheme(timestamp_header="X-Timestamp", payload="{timestamp}.{body}"),
    "github": Scheme(header="X-Hub-Signature-256", prefix="sha256=", tolerance_s=86_400),
    "stripe": Scheme(header="Stripe-Signature", fields="t,v1", payload="{timestamp}.{body}"),
    "shopify": Scheme(header="X-Shopify-Hmac-Sha256", encoding="base64", tolerance_s=86_400),
    "slack": Scheme(header="X-Slack-Signature", prefix="v0=", timestamp_header="X-Slack-Request-Timestamp",
                    payload="v0:{timestamp}:{body}"),
}  # fmt: skip


class BadSignature(Exception):
    """Why, for the sender; nothing in it helps to make a right one."""


def check(given: Any) -> dict[str, Any]:
    """The members of a scheme as they are kept. `preset` fills in what is not given."""
    if not isinstance(given, Mapping):
        raise Invalid("This must be an object.", field="options.signature")
    given = dict(given)
    preset = given.pop("preset", "plain")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise Invalid("There is no preset “%(name)s”.", field="options.signature", name=str(preset)[:50])
    unknown = given.keys() - {field.name for field in fields(Scheme)}
    if unknown:
        raise Invalid("A signature has no member “%(name)s”.", field="options.signature", name=str(min(unknown))[:50])
    scheme = replace(PRESETS[preset], **given)
    _check_members(scheme)
    return asdict(scheme)


def _check_members(scheme: Scheme) -> None:
    if not isinstance(scheme.secret, str) or not _SECRET.fullmatch(scheme.secret):
        raise Invalid(
            "A name begins with a letter and has letters, digits, dots, hyphens and underscores.",
            field="options.signature.secret",
        )
    patterns = (
        ("header", _HEADER), ("prefix", _PLAIN), ("payload", _PLAIN),
        ("timestamp_header", re.compile(f"({_HEADER.pattern})?")), ("fields", re.compile(f"({_FIELD.pattern},{_FIELD.pattern})?")),
    )  # fmt: skip
    for name, pattern in patterns:
        value = getattr(scheme, name)
        if not isinstance(value, str) or len(value) > 100 or not pattern.fullmatch(value):
            raise _wrong(name)
    if scheme.algorithm not in ALGORITHMS:
        raise _wrong("algorithm")
    if scheme.encoding not in ENCODINGS:
        raise _wrong("encoding")
    tolerance = scheme.tolerance_s
    if isinstance(tolerance, bool) or not isinstance(tolerance, int) or not 1 <= tolerance <= LONGEST_TOLERANCE_S:
        raise _wrong("tolerance_s")
    _check_payload(scheme)


def _check_payload(scheme: Scheme) -> None:
    """A signature that does not cover the body, or a time it is not told, protects nothing."""
    if scheme.payload.count(BODY) != 1 or scheme.payload.count(TIMESTAMP) > 1:
        raise Invalid(
            "What is signed holds {body} once, and {timestamp} at most once.", field="options.signature.payload"
        )
    if (TIMESTAMP in scheme.payload) != scheme.has_timestamp:
        raise Invalid(
            "{timestamp} is signed if the sender says it in a header, and only then.", field="options.signature.payload"
        )
    if scheme.timestamp_header and scheme.fields:
        raise Invalid("The timestamp stands in one place.", field="options.signature.timestamp_header")


def _wrong(member: str) -> Invalid:
    return Invalid("This is not what a signature can have here.", field=f"options.signature.{member}")


def verify(scheme: Scheme, secret: str, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """A digest to recognise this very signature by, should it come again. `headers` have small names."""
    stated, timestamp = _stated(scheme, headers)
    if scheme.has_timestamp:
        _check_age(timestamp, scheme.tolerance_s, now)
    expected = signature(scheme, secret, body, timestamp)
    # Each in constant time, and all of them whatever the first says.
    matches = [hmac.compare_digest(expected.encode(), candidate.encode()) for candidate in stated]
    if not any(matches):
        raise BadSignature("The signature does not fit the body.")
    return hashlib.sha256(expected.encode()).hexdigest()


def _stated(scheme: Scheme, headers: Mapping[str, str]) -> tuple[list[str], str]:
    """The signatures that the request states, and its timestamp."""
    value = headers.get(scheme.header.lower(), "").strip()
    if not value:
        raise BadSignature(f"The header {scheme.header} is missing.")
    timestamp = headers.get(scheme.timestamp_header.lower(), "").strip() if scheme.timestamp_header else ""
    if not scheme.fields:
        return [_bare(scheme, value)], timestamp
    time_field, signature_field = scheme.fields.split(",")
    pairs = [part.strip().partition("=") for part in value.split(",")]
    times = [content for name, _, content in pairs if name == time_field]
    stated = [_bare(scheme, content) for name, _, content in pairs if name == signature_field]
    if not stated:
        raise BadSignature(f"The header {scheme.header} has no part {signature_field}.")
    return stated[:_MOST_CANDIDATES], times[0] if len(times) == 1 else ""


def _bare(scheme: Scheme, value: str) -> str:
    if not value.startswith(scheme.prefix):
        raise BadSignature(f"The signature must begin with {scheme.prefix}.")
    stated = value.removeprefix(scheme.prefix)
    return stated.lower() if scheme.encoding == "hex" else stated


def _check_age(timestamp: str, tolerance_s: int, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise BadSignature("The timestamp is missing or no number of seconds.")
    if abs(now - int(timestamp)) > tolerance_s:
        raise BadSignature("The timestamp is too far from now.")


def signature(scheme: Scheme, secret: str, body: bytes, timestamp: str = "") -> str:
    before, _, after = scheme.payload.replace(TIMESTAMP, timestamp).partition(BODY)
    mac = hmac.new(secret.encode(), digestmod=scheme.algorithm)
    for part in (before.encode(), body, after.encode()):
        mac.update(part)
    return mac.hexdigest() if scheme.encoding == "hex" else base64.b64encode(mac.digest()).decode()


def signed_headers(scheme: Scheme, secret: str, body: bytes, now: float) -> dict[str, str]:
    """What a sender would add to its request: for trying an endpoint out."""
    timestamp = str(int(now)) if scheme.has_timestamp else ""
    stated = f"{scheme.prefix}{signature(scheme, secret, body, timestamp)}"
    if scheme.fields:
        time_field, signature_field = scheme.fields.split(",")
        return {scheme.header: f"{time_field}={timestamp},{signature_field}={stated}"}
    return {scheme.header: stated} | ({scheme.timestamp_header: timestamp} if scheme.timestamp_header else {})
