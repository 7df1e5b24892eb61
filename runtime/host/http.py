"""sdk.http: what a script asks for, checked and put into bytes; the answer, put into JSON.

The prelude builds get, post, put, patch, delete and json() on the one name bound here. Which addresses may be reached
and how long anything may take is the granted client's business, not this file's.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol
from urllib.parse import quote, urlencode

from runtime.errors import HostError, clipped

OPTIONS = frozenset(
    {"method", "url", "headers", "query", "body", "bodyBase64", "timeout", "retries", "redirects", "responseType"}
)
MAX_TIMEOUT_MS = 3_600_000
TEXT_TYPE = re.compile(r"text/.*|application/([a-z0-9.-]+\+)?(json|xml|javascript|x-www-form-urlencoded|x-ndjson|yaml)")
# Python knows more codecs than these, some of which are slow on purpose or no character sets at all.
CHARSET = re.compile(r"utf-?8|utf-?16(le|be)?|us-ascii|iso-8859-\d+|latin1|windows-125\d|cp125\d|cp866|koi8-[ru]|"
                     r"gbk|gb2312|gb18030|big5|shift_jis|euc-jp|euc-kr")  # fmt: skip


class Answer(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def url(self) -> str: ...


class GrantedHttp(Protocol):
    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float | None,
        retries: int | None,
        redirects: int | None,
    ) -> Answer: ...


class Grants(Protocol):
    @property
    def http(self) -> GrantedHttp: ...


class HttpApi:
    name = "http"

    def bind(self, grants: Grants) -> Mapping[str, Callable[..., Any]]:
        def request(options: object = None, *_: object) -> dict[str, Any]:
            return send(grants.http, options)

        return {"request": request}


def send(http: GrantedHttp, options: object) -> dict[str, Any]:
    asked = _checked_options(options)
    headers, as_bytes = _headers(asked.get("headers")), _wants_bytes(asked)
    body = _body(asked, headers)
    answer = http.request(
        _text(asked, "method", default="GET").upper(),
        _with_query(_text(asked, "url"), asked.get("query")),
        headers=headers,
        body=body,
        timeout=_milliseconds(asked.get("timeout")),
        retries=_count(asked, "retries"),
        redirects=_count(asked, "redirects"),
    )
    return _shaped(answer, as_bytes)


def _checked_options(options: object) -> dict[str, Any]:
    if not isinstance(options, dict):
        _refuse("options must be an object")
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        _refuse(f"unknown option {clipped(unknown[0], 40)!r}; known are {', '.join(sorted(OPTIONS))}")
    return {name: value for name, value in options.items() if value is not None or name == "body"}


def _text(asked: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = asked.get(name, default)
    if not isinstance(value, str):
        _refuse(f"{name} must be a string")
    return value


def _milliseconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_TIMEOUT_MS:
        _refuse("timeout must be a positive number of milliseconds")
    return value / 1000


def _count(asked: Mapping[str, Any], name: str) -> int | None:
    value = asked.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        _refuse(f"{name} must be a whole number")
    return value


def _headers(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        _refuse("headers must be an object of names and values")
    return {
        name: _scalar(item, f"the header {clipped(name, 80)!r}") for name, item in value.items() if item is not None
    }


def _with_query(url: str, query: object) -> str:
    """The URL with the query added behind the one it may already have, before any fragment."""
    if query is None:
        return url
    if not isinstance(query, dict):
        _refuse("query must be an object of names and values")
    pairs = [
        (name, _scalar(item, f"the query value {clipped(name, 80)!r}"))
        for name, value in query.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]
    if not pairs:
        return url
    address, mark, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{_encoded(pairs)}{mark}{fragment}"


def _encoded(pairs: list[tuple[str, str]]) -> str:
    return urlencode([(_well_formed(name), _well_formed(value)) for name, value in pairs], quote_via=quote)


def _scalar(value: object, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:  # from there on JavaScript writes 1e+21
        return str(int(value))
    if not isinstance(value, str | int | float):
        _refuse(f"{name} must be a string, number or boolean")
    return str(value)


def _body(asked: Mapping[str, Any], headers: dict[str, str]) -> bytes | None:
    """Strings go out as they are, bytes from base64, everything else as JSON; a missing Content-Type is added."""
    if "bodyBase64" in asked:
        if "body" in asked:
            _refuse("give either body or bodyBase64")
        return _from_base64(asked["bodyBase64"])
    if "body" not in asked:
        return None
    body = asked["body"]
    is_text = isinstance(body, str)
    if not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = "text/plain; charset=utf-8" if is_text else "application/json"
    text = body if is_text else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _well_formed(text).encode()


def _from_base64(value: object) -> bytes:
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    _refuse("bodyBase64 must be a base64 string")


def _well_formed(text: str) -> str:
    """A JavaScript string may hold half a surrogate pair; UTF-8 cannot, so it becomes U+FFFD as in browsers."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _wants_bytes(asked: Mapping[str, Any]) -> bool | None:
    kind = asked.get("responseType")
    if kind not in (None, "text", "base64"):
        _refuse('responseType must be "text" or "base64"')
    return None if kind is None else kind == "base64"


def _shaped(answer: Answer, as_bytes: bool | None) -> dict[str, Any]:
    text = None if as_bytes else _decoded(answer, insist=as_bytes is False)
    return {
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": base64.b64encode(answer.body).decode("ascii") if text is None else text,
        "encoding": "base64" if text is None else "text",
        "url": answer.url,
    }


def _decoded(answer: Answer, insist: bool) -> str | None:
    """The body as text, or None for one that is not meant to be: by its type, or, without one, by its bytes."""
    kind, _, parameters = answer.headers.get("content-type", "").lower().partition(";")
    match = re.search(r"charset\s*=\s*\"?([a-z0-9_-]+)", parameters)
    charset = match[1] if match and CHARSET.fullmatch(match[1]) else "utf-8"
    is_meant_as_text = insist or match is not None or TEXT_TYPE.fullmatch(kind.strip()) is not None
    try:
        return answer.body.decode(charset, "replace" if is_meant_as_text else "strict").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None


def _refuse(what: str) -> NoReturn:
    raise HostError("INVALID_INPUT", f"sdk.http: {what}")
