"""/api/v1/openapi.json: the OpenAPI document, made of the routes themselves and the contracts beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify
from flask_babel import force_locale
from werkzeug.routing import Rule

from blueprints.api.contract import Contract
from blueprints.api.repeats import HEADER, REPLAYED
from blueprints.api.schemas import COMPONENTS, NO_NUL, ref, text

bp = Blueprint("api_document", __name__, url_prefix="/api/v1")

PREFIX = "/api/v1"
VERSION = "1"
_PATH_TYPES = {
    "UUIDConverter": {"type": "string", "format": "uuid"}, "IntegerConverter": {"type": "integer", "minimum": 1},
    "Anything": {"type": "string", "minLength": 1, "pattern": NO_NUL},
}  # fmt: skip
_INTRODUCTION = """Programs come with `Authorization: Bearer TOKEN`. A token can do what its scopes and its owner's role both allow;
each operation names the permission it needs. Errors are problem documents (RFC 9457) with a `code` of ours. Lists come in
pages: `next_cursor` of one is `cursor` of the next."""
HEADERS = {
    "ETag": ("the state that If-Match and If-None-Match speak of", {"type": "string"}),
    "Location": ("where the new thing is", {"type": "string"}),
    "Retry-After": ("seconds", {"type": "integer"}),
    "WWW-Authenticate": ("how to come in", {"type": "string"}),
    "X-Queue-Waiting": ("how many runs wait", {"type": "integer"}),
    "X-Queue-Pressure": ("`high` where more wait than is good", {"type": "string", "enum": ["normal", "high"]}),
    REPLAYED: ("`true` where the answer is that of an earlier request with the same key", {"type": "string"}),
}
_ALWAYS_SENT = ("ETag", "Location", "WWW-Authenticate", "X-Queue-Waiting", "X-Queue-Pressure")
# Why a request is refused, and the headers that say more.
REFUSALS: dict[int, tuple[str, tuple[str, ...]]] = {
    400: ("not to be read as a request", ()),
    401: ("no token, or one that is over", ("WWW-Authenticate",)),
    403: ("the token may not do this", ()),
    404: ("not there, or another tenant's", ()),
    408: ("the body did not arrive in time", ()),
    409: ("in conflict with how things stand, or a request with the same idempotency key goes on", ()),
    412: ("changed since the tag in If-Match was given", ()),
    413: ("the body is too large", ()),
    415: ("the body is not JSON", ()),
    422: ("something in the request does not fit; `errors` names it", ()),
    429: ("too many requests, or too many runs", ("Retry-After",)),
    502: ("the script failed", ()),
    503: ("the database or all engines are busy, or scripts are switched off", ("Retry-After",)),
    504: ("the script ran out of time", ()),
}


@dataclass(frozen=True)
class Operation:
    id: str
    path: str
    method: str
    tag: str
    more: str
    permissions: tuple[str, ...]
    arguments: Mapping[str, Any]
    contract: Contract

    @property
    def may_be_known(self) -> bool:
        """If-None-Match is honoured."""
        return self.method == "get" and self.contract.tagged

    @property
    def refuses(self) -> list[int]:
        """What follows from the kind of request, and what its contract adds."""
        found = {400, 401, 422, 429, 503, *self.contract.refuses}
        found |= {403} if self.permissions else set()
        found |= {404} if self.arguments else set()
        found |= {412} if self.contract.conditional else set()
        found |= {408, 413, 415} if self.contract.takes else set()
        found |= {409} if self.method == "post" else set()
        return sorted(found)


@bp.get("/openapi.json")
def show() -> Response:
    return jsonify(document())


def document() -> dict[str, Any]:
    """Made once: routes do not change while a process lives."""
    made = current_app.extensions.get("openapi") or current_app.extensions.setdefault("openapi", _document())
    return cast(dict[str, Any], made)


def operations() -> Iterator[Operation]:
    for rule in current_app.url_map.iter_rules():
        view = cast(Any, current_app.view_functions[rule.endpoint])
        if hasattr(view, "contract"):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Operation(
                    id=rule.endpoint.removeprefix("api_").replace(".", "_"), path=_path(rule), method=method.lower(),
                    tag=rule.endpoint.removeprefix("api_").partition(".")[0].replace("_", " "), more=" ".join((view.__doc__ or "").split()),
                    permissions=_permissions(view), contract=view.contract,
                    arguments={name: _PATH_TYPES[type(one).__name__] for name, one in rule._converters.items()},
                )  # fmt: skip


def _permissions(view: Any) -> tuple[str, ...]:
    return (view.permission, *view.contract.also_needs) if view.permission else ()


def _needs(one: Operation) -> str:
    named = " and ".join(f"`{permission}`" for permission in one.permissions)
    return f"Needs {named}." if named else ""


def _document() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    with force_locale("en"):  # programs and those who make clients of it read one language
        for one in operations():
            paths.setdefault(one.path, {})[one.method] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dastgoh", "version": VERSION, "description": _INTRODUCTION},
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": COMPONENTS,
            "responses": {_name(status): _refusal(status) for status in REFUSALS},
            "headers": {name: {"description": said, "schema": schema, "required": name in _ALWAYS_SENT}
                        for name, (said, schema) in HEADERS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _operation(one: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": one.id, "tags": [one.tag], "summary": str(one.contract.says),
        "description": " ".join(filter(None, (one.more, _needs(one)))),
        "security": [{"token": list(one.permissions)}], "parameters": _parameters(one),
        "responses": {str(status): _success(one, status) for status in one.contract.gives}
        | ({"304": _UNCHANGED} if one.may_be_known else {})
        | {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in one.refuses},
    }  # fmt: skip
    if takes := one.contract.takes:
        said["requestBody"] = {
            "required": "required" in takes or "anyOf" in takes,
            "content": {"application/json": {"schema": takes}},
        }
    return said


def _parameters(one: Operation) -> list[dict[str, Any]]:
    found = [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in one.arguments.items()]
    found += [{"name": asked.name, "in": "query", "schema": asked.schema, "description": str(asked.text)}
              for asked in one.contract.asks]  # fmt: skip
    if one.may_be_known:
        found.append(
            _header("If-None-Match", text(), "ETags: answers 304, without a body, if it is as one of them says")
        )
    if one.contract.conditional:
        found.append(_header("If-Match", text(), "an ETag: refuses (412) to change what has been changed since"))
    if one.method == "post":
        key = text(200, minLength=1, pattern="^[ -~]+$")
        found.append(_header(HEADER, key, "sent again within 24 hours: the same answer, and nothing is done again"))
    return found


def _header(name: str, schema: Mapping[str, Any], said: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": schema, "description": said}


def _success(one: Operation, status: int) -> dict[str, Any]:
    schema = one.contract.gives[status]
    names = [*one.contract.headers, *(["ETag"] if one.contract.tagged else []), *(["Location"] if status == 201 else []),
             *([REPLAYED] if one.method == "post" else [])]  # fmt: skip
    said: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        said["content"] = {"application/json": {"schema": schema}}
    return said | ({"headers": _headers(names)} if names else {})


def _refusal(status: int) -> dict[str, Any]:
    said, names = REFUSALS[status]
    content = {"application/problem+json": {"schema": ref("Problem")}}
    return {"description": said, "content": content} | ({"headers": _headers(names)} if names else {})


def _headers(names: Any) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


_UNCHANGED = {"description": "as one of the tags in If-None-Match says", "headers": _headers(["ETag"])}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "").replace("-", "")


def _path(rule: Rule) -> str:
    parts = (f"{{{part}}}" if is_dynamic else part for is_dynamic, part in rule._trace)
    return "".join(parts).removeprefix("|").removeprefix(PREFIX)
