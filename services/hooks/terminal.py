"""The lines of a terminal that call an endpoint; token and secret are taken from the terminal's own TOKEN and SECRET."""

import re
import shlex

from models.endpoint import Endpoint
from services.hooks.signatures import Scheme

_BODY = '"$BODY"'
_VARIABLES = {"{body}": _BODY, "{timestamp}": '"$T"'}


def curl(endpoint: Endpoint, address: str, method: str, body: str) -> str:
    parts = [f"curl -i{'' if method == 'GET' else f' -X {method}'} {shlex.quote(address)}"]
    if endpoint.auth == "token":
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        parts += [
            "-H 'Content-Type: application/json'",
            f"--data-raw {_BODY if endpoint.auth == 'signature' else shlex.quote(body)}",
        ]
    if endpoint.auth != "signature":
        return " \\\n  ".join(parts)
    scheme = Scheme(**endpoint.options["signature"])
    return "\n".join([*_signing(scheme, body), " \\\n  ".join([*parts, *_headers(scheme)])])


def _signing(scheme: Scheme, body: str) -> list[str]:
    # What people wrote stays text in a shell, whatever it looks like.
    pieces = re.split(r"(\{body\}|\{timestamp\})", scheme.payload)
    signed = "".join(_VARIABLES.get(piece) or shlex.quote(piece) for piece in pieces if piece)
    mac = f'openssl dgst -{scheme.algorithm} -hmac "$SECRET"'
    encoded = f"{mac} -hex | sed 's/^.*= *//'" if scheme.encoding == "hex" else f"{mac} -binary | openssl base64 -A"
    time = ["T=$(date +%s)"] if scheme.has_timestamp else []
    signature = f"SIGNATURE={shlex.quote(scheme.prefix) if scheme.prefix else ''}$(printf %s {signed} | {encoded})"
    return [f"BODY={shlex.quote(body)}", *time, signature]


def _headers(scheme: Scheme) -> list[str]:
    if scheme.fields:
        time_field, signature_field = scheme.fields.split(",")
        return [f'-H "{scheme.header}: {time_field}=$T,{signature_field}=$SIGNATURE"']
    stamp = [f'-H "{scheme.timestamp_header}: $T"'] if scheme.timestamp_header else []
    return [f'-H "{scheme.header}: $SIGNATURE"', *stamp]
