"""What the code editor asks the server for: declarations to complete from, and a verdict on what is being written."""

import hashlib
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from blueprints.assets import asset, script_modules
from blueprints.guard import actor, requires, signed_in
from blueprints.languages import language
from services import diffs, parameters, typings, validation
from services.errors import Invalid

bp = Blueprint("editor", __name__, url_prefix="/editor")

LARGEST_SOURCE = 256 * 1024
WORKERS = {"typescript": "ts.worker", "javascript": "ts.worker", "json": "json.worker", "editor": "editor.worker"}
# What the service says in English, where it says it itself; the rest are words of the engine, which knows no other language.
SENTENCES = {"FORBIDDEN_NAME": _l("A script has no %(name)s.")}

bp.add_app_template_global(diffs.compare, "compare_texts")


@bp.get("/typings")
@signed_in
def declarations() -> AnyResponse:
    wished = request.args.get("lang", "")
    text = typings.typings(wished if wished in typings.LANGUAGES else language())
    answer = Response(text, mimetype="text/plain")
    answer.set_etag(hashlib.sha256(text.encode()).hexdigest()[:20])
    answer.headers["Cache-Control"] = "private, no-cache"  # kept, and asked about each time: an update shows at once
    return answer.make_conditional(request)


@bp.post("/validate")
@requires("scripts.read")
def validate() -> tuple[Response, int] | Response:
    body = request.get_json(silent=True)
    source = body.get("source") if isinstance(body, dict) else None
    if not isinstance(source, str):
        return jsonify(error="Send {source: string}."), 422
    if len(source.encode("utf-8", "surrogatepass")) > LARGEST_SOURCE:
        return jsonify(problems=[_too_large()])
    return jsonify(problems=[_problem(found) for found in validation.validate(source)])


@bp.post("/input-type")
@signed_in
def input_type_of() -> Response:
    """The type of context.input while its parameters are still being declared."""
    body = request.get_json(silent=True)
    return Response(input_type(body.get("parameters") if isinstance(body, dict) else None), mimetype="text/plain")


@bp.app_template_global("input_type")
def input_type(declared: Any) -> str:
    try:
        return parameters.typescript(parameters.check_declarations(declared))
    except Invalid:
        return parameters.typescript([])


def _problem(found: validation.Problem) -> dict[str, Any]:
    return {
        "code": found.code, "message": _sentence(found), "severity": found.severity,
        "line": found.line, "column": found.column, "endLine": found.end_line, "endColumn": found.end_column,
    }  # fmt: skip


def _sentence(found: validation.Problem) -> str:
    known = SENTENCES.get(found.code)
    return str(known) % {"name": found.name} if known else found.message


def _too_large() -> dict[str, Any]:
    message = _("The script is larger than %(size)s KB.", size=LARGEST_SOURCE // 1024)
    return {"code": "INVALID_INPUT", "message": message, "severity": "error",
            "line": 1, "column": 1, "endLine": 1, "endColumn": 2}  # fmt: skip


@bp.app_template_global("editor_setting")
def editor_setting() -> dict[str, Any]:
    """What the macros of shared/editor.html cannot see themselves, as they are imported without the page's context."""
    reader = actor()
    return {
        "language": language(),
        "owner": str(reader.id),
        "assets": {
            "monaco": asset("monaco/monaco.js"),
            "style": asset("monaco/monaco.css"),
            "texts": asset("monaco/nls.ru.js") if language() == "ru" else None,
            "workers": {label: asset(f"monaco/{name}.js") for label, name in WORKERS.items()},
        },
        "modules": [address for name, address in script_modules().items() if "/js/editor/" in name],
    }
