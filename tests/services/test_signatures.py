"""Signatures of requests, against vectors that the senders themselves publish, and against those who forge."""

import hashlib
import hmac
import json

import pytest

from services.errors import Invalid
from services.hooks import signatures
from services.hooks.signatures import PRESETS, BadSignature, Scheme, signed_headers, verify

NOW = 1_700_000_000.0
BODY = json.dumps({"order": 17, "город": "Бухара"}, indent=2, ensure_ascii=False).encode()
SECRET = "It's a Secret to Everybody"


def small(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_github_is_understood():
    """From their documentation of webhooks."""
    headers = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    assert verify(PRESETS["github"], SECRET, headers, b"Hello, World!", NOW)


def test_slack_is_understood():
    """From their documentation of request signing."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10"
        b"d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    assert verify(PRESETS["slack"], "8f742231b10e8888abcd99yyyzzz85a5", headers, body, 1531420618)


def test_stripe_is_understood_also_while_it_changes_its_key():
    stamp = str(int(NOW))
    signed = hmac.new(SECRET.encode(), f"{stamp}.".encode() + BODY, hashlib.sha256).hexdigest()
    for stated in (f"t={stamp},v1={signed}", f"t={stamp},v1={'0' * 64},v1={signed},v0=old"):
        assert verify(PRESETS["stripe"], SECRET, {"stripe-signature": stated}, BODY, NOW)


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_signed_as_the_sender_would_is_let_in_and_nothing_else(name):
    scheme = PRESETS[name]
    headers = small(signed_headers(scheme, SECRET, BODY, NOW))
    assert verify(scheme, SECRET, headers, BODY, NOW)
    with pytest.raises(BadSignature):
        verify(scheme, SECRET + "x", headers, BODY, NOW)
    with pytest.raises(BadSignature):
        verify(scheme, SECRET, {}, BODY, NOW)
    # The same JSON, written otherwise, is another body.
    with pytest.raises(BadSignature):
        verify(scheme, SECRET, headers, json.dumps(json.loads(BODY), ensure_ascii=False).encode(), NOW)


def test_one_altered_byte_is_noticed_wherever_it_stands():
    scheme, body = PRESETS["github"], BODY[:40]
    headers = small(signed_headers(scheme, SECRET, body, NOW))
    for at in range(len(body)):
        altered = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(BadSignature):
            verify(scheme, SECRET, headers, altered, NOW)


@pytest.mark.parametrize("name", ["plain", "stripe", "slack"])
def test_a_timestamp_is_signed_and_must_be_near(name):
    scheme = PRESETS[name]
    headers = small(signed_headers(scheme, SECRET, BODY, NOW))
    assert verify(scheme, SECRET, headers, BODY, NOW + 299) == verify(scheme, SECRET, headers, BODY, NOW - 299)
    for moment in (NOW + 302, NOW - 302):
        with pytest.raises(BadSignature):
            verify(scheme, SECRET, headers, BODY, moment)
    # A later moment cannot be written into it.
    moved = {key: value.replace(str(int(NOW)), str(int(NOW) + 200)) for key, value in headers.items()}
    with pytest.raises(BadSignature):
        verify(scheme, SECRET, moved, BODY, NOW + 200)


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1e9", "١٧٠٠٠٠٠٠٠٠", "9" * 5000, "1700000000.0", " "])
def test_what_is_no_timestamp_is_refused(stamp):
    headers = small(signed_headers(PRESETS["slack"], SECRET, BODY, NOW)) | {"x-slack-request-timestamp": stamp}
    with pytest.raises(BadSignature):
        verify(PRESETS["slack"], SECRET, headers, BODY, NOW)


@pytest.mark.parametrize(
    "stated", ["", "t=,v1=", "v1", ",,,", "t=1700000000", "t=1,t=1700000000,v1=x", "v1=" * 5000, "sha256=", "\xff=\xfe"]
)
def test_nonsense_in_the_header_is_refused(stated):
    for scheme in PRESETS.values():
        with pytest.raises(BadSignature):
            verify(scheme, SECRET, {scheme.header.lower(): stated}, BODY, NOW)


def test_it_compares_in_constant_time(monkeypatch):
    """Every candidate goes through the one comparison that takes as long whatever it finds."""
    compared = []
    genuine = hmac.compare_digest
    monkeypatch.setattr(signatures.hmac, "compare_digest", lambda a, b: compared.append(b) or genuine(a, b))
    stated = f"t={int(NOW)},v1={'a' * 64},v1={'b' * 64}"
    with pytest.raises(BadSignature):
        verify(PRESETS["stripe"], SECRET, {"stripe-signature": stated}, BODY, NOW)
    assert compared == [b"a" * 64, b"b" * 64]


def test_a_signature_has_one_digest_however_it_is_written():
    scheme = PRESETS["github"]
    headers = small(signed_headers(scheme, SECRET, BODY, NOW))
    loud = {"x-hub-signature-256": "sha256=" + headers["x-hub-signature-256"][7:].upper()}
    assert verify(scheme, SECRET, headers, BODY, NOW) == verify(scheme, SECRET, loud, BODY, NOW)


def test_a_preset_fills_in_what_is_not_said():
    kept = signatures.check({"preset": "slack", "secret": "slack_key", "tolerance_s": 60})
    assert Scheme(**kept) == Scheme(secret="slack_key", header="X-Slack-Signature", prefix="v0=", tolerance_s=60,
                                    timestamp_header="X-Slack-Request-Timestamp", payload="v0:{timestamp}:{body}")  # fmt: skip


@pytest.mark.parametrize("wrong", [
    None, "github", [], {}, {"secret": ""}, {"secret": "has space"}, {"secret": 5}, {"secret": "a", "preset": "nobody"},
    {"secret": "a", "preset": []}, {"secret": "a", "colour": 1}, {"secret": "a", "algorithm": "md5"}, {"secret": "a", "encoding": "rot13"},
    {"secret": "a", "header": "X Sig"}, {"secret": "a", "header": ""}, {"secret": "a", "header": "A\r\nB"}, {"secret": "a", "header": None},
    {"secret": "a", "tolerance_s": 0}, {"secret": "a", "tolerance_s": True}, {"secret": "a", "tolerance_s": 10**9},
    {"secret": "a", "payload": "{timestamp}"}, {"secret": "a", "payload": "{body}{body}"}, {"secret": "a", "payload": "{body}"},
    {"secret": "a", "preset": "github", "payload": "{timestamp}{body}"}, {"secret": "a", "fields": "t,v1"}, {"secret": "a", "fields": "t"},
    {"secret": "a", "prefix": "x" * 101}, {"secret": "a", "prefix": "я"},
])  # fmt: skip
def test_a_scheme_that_cannot_work_is_refused(wrong):
    with pytest.raises(Invalid):
        signatures.check(wrong)
