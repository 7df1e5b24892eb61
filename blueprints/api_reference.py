"""The page about the API: every operation of its document, with a form that sends it."""

import json
from typing import Any

from flask import Blueprint, Response, request

from blueprints.api.contract import Schema
from blueprints.api.document import PREFIX, Operation, operations
from blueprints.guard import in_tenant
from blueprints.htmx import render
from services.errors import NotFound

bp = Blueprint("api_reference", __name__, url_prefix="/reference/api")

FIRST = "scripts_index"
_BY_TYPE: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": True, "array": [], "object": {}}


@bp.get("")
@in_tenant
def index() -> Response:
    found = {one.id: one for one in operations()}
    chosen = found.get(request.args.get("operation", FIRST))
    if chosen is None:
        raise NotFound("There is no such operation.")
    return render("api/index.html", "api/_operation.html", one=chosen, groups=_groups(found.values()), prefix=PREFIX,
                  body=_example(chosen))  # fmt: skip


def _groups(found: Any) -> dict[str, list[Operation]]:
    """By the noun they are about, in the order of reading, writing, deleting."""
    groups: dict[str, list[Operation]] = {}
    for one in sorted(found, key=lambda one: (one.tag, one.path, one.method)):
        groups.setdefault(one.tag, []).append(one)
    return groups


def _example(one: Operation) -> str | None:
    """What a first request may say: what is needed, else all there is."""
    takes = one.contract.takes
    if takes is None:
        return None
    branch = takes["anyOf"][0] if "anyOf" in takes else takes
    names = branch.get("required") or branch["properties"]
    return json.dumps({name: _value(branch["properties"][name]) for name in names}, indent=2)


def _value(schema: Schema) -> Any:
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _value(schema["anyOf"][0])
    return _BY_TYPE.get(str(schema.get("type")))
