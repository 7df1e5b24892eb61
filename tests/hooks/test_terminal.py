"""The lines shown for a terminal do what they say, and nothing that somebody hid in a setting."""

import shutil
import subprocess
import time
from dataclasses import asdict, replace
from typing import Any

import pytest

from models import Endpoint
from services.hooks import terminal
from services.hooks.signatures import PRESETS, Scheme, verify

SECRET = 'It\'s a $SECRET `to` "everybody"'
# In curl's place: says what it was given, one argument a line.
CURL = "curl() { for argument; do printf '%s\\n' \"$argument\"; done; }\n"


def run(scheme: Scheme, body: str) -> dict[str, str]:
    endpoint = Endpoint(auth="signature", options={"signature": asdict(scheme)})
    lines = terminal.curl(endpoint, "http://localhost/hooks/acme/orders/:id", "POST", body)
    if not shutil.which("openssl"):
        pytest.skip("There is no openssl here.")
    done = subprocess.run(["sh", "-c", CURL + lines], env={"SECRET": SECRET, "PATH": "/usr/bin:/bin:/usr/local/bin"},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stderr == ""
    said = done.stdout.splitlines()
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in said) if value}


@pytest.mark.parametrize("scheme", PRESETS.values(), ids=PRESETS)
def test_what_the_lines_sign_is_let_in(scheme: Scheme) -> None:
    body = '{"hello": "it\'s $HOME `here`"}'
    assert verify(scheme, SECRET, run(scheme, body), body.encode(), time.time())


def test_the_body_that_is_signed_is_the_one_that_is_sent() -> None:
    """So that whoever changes it changes it once."""
    endpoint = Endpoint(auth="signature", options={"signature": asdict(PRESETS["plain"])})
    lines = terminal.curl(endpoint, "http://localhost/hooks/acme/orders", "POST", '{"a": 1}')
    assert lines.count('{"a": 1}') == 1 and '--data-raw "$BODY"' in lines


@pytest.mark.parametrize("changed", [
    {"payload": "$(touch /tmp/hidden)`id`\"';{timestamp}.{body}"}, {"prefix": "$(touch /tmp/hidden)\"';", "payload": "{timestamp}.{body}"},
])  # fmt: skip
def test_what_people_wrote_stays_text(changed: dict[str, Any]) -> None:
    scheme = replace(PRESETS["plain"], **changed)
    assert verify(scheme, SECRET, run(scheme, "{}"), b"{}", time.time())


def test_a_token_is_taken_from_the_terminal() -> None:
    lines = terminal.curl(Endpoint(auth="token", options={}), "http://localhost/hooks/acme/it's", "GET", "")
    assert lines == "curl -i 'http://localhost/hooks/acme/it'\"'\"'s' \\\n  -H \"Authorization: Bearer $TOKEN\""
