"""Versions of a script: the timeline, one of them, two side by side, and going back to one. Those of a deleted script too."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import sentence
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, toast, wants_fragment
from models.script import Script
from models.script_version import ScriptVersion
from services import authoring, diffs, scripts, versions
from services.limits import defaults
from services.scripts import Stale
from services.setting_diffs import settings_diff
from services.wiring import settings

bp = Blueprint("versions", __name__, url_prefix="/scripts/<uuid:script_id>")

STRETCH, PICKER, LATEST = 20, 20, 5
_ONE = "/versions/<int(max=2147483647):number>"


@bp.get("/versions")
@requires("scripts.read")
def index(script_id: UUID) -> Response:
    script = _script(script_id)
    return render("versions/index.html", "versions/_timeline.html", script=script, **_timeline(script, STRETCH))


@bp.get("/versions/latest")
@requires("scripts.read")
def latest(script_id: UUID) -> str:
    """The few newest, beside the editor."""
    script = _script(script_id)
    return render_template("versions/_latest.html", script=script, **_timeline(script, LATEST))


@bp.get(_ONE)
@requires("scripts.read")
def show(script_id: UUID, number: int) -> str:
    script, version = _script(script_id), versions.get(actor(), script_id, number)
    return render_template("versions/show.html", script=script, version=version, defaults=defaults(settings()),
                           names=authoring.names_of([version.created_by]))  # fmt: skip


@bp.get("/compare")
@requires("scripts.read")
def compare(script_id: UUID) -> str:
    """`from` and `to` are numbers; without them, what the current version changed."""
    script = _script(script_id)
    new = _version(script, request.args.get("to", script.version, int))
    old = _version(script, request.args.get("from", 0, int) or _number_before(script, new.number))
    return render_template("versions/compare.html", script=script, **_comparison(old, new), **_timeline(script, PICKER))


@bp.get(_ONE + "/restore")
@requires("scripts.update")
def preview(script_id: UUID, number: int) -> str:
    script = scripts.get(actor(), script_id)
    old = versions.get(actor(), script_id, number)
    return render_template("versions/restore.html", script=script, **_comparison(_version(script, script.version), old))


@bp.post(_ONE + "/restore")
@requires("scripts.update")
def restore(script_id: UUID, number: int) -> AnyResponse:
    try:
        script = scripts.restore(actor(), script_id, number, request.form.get("base_version", 0, int),
                                 note=request.form.get("note", ""))  # fmt: skip
    except Stale as refusal:
        toast(_("%(what)s Look at the changes again.", what=sentence(refusal)), "warn")
        return redirect_to(url_for("versions.preview", script_id=script_id, number=number))
    toast(_("Version %(old)s is restored as version %(number)s.", old=number, number=script.version))
    if script.has_syntax_error:
        toast(_("Its code has a syntax error, so the script is disabled now."), "warn")
    return redirect_to(url_for("scripts.show", script_id=script_id))


@bp.post(_ONE + "/milestone")
@requires("scripts.update")
def mark(script_id: UUID, number: int) -> AnyResponse | str:
    scripts.get(actor(), script_id)
    wanted = request.form.get("milestone") == "1"
    version = versions.mark(actor(), script_id, number, milestone=wanted)
    toast(_("Version %(number)s is a milestone: it is kept.", number=number) if wanted
          else _("Version %(number)s is no milestone any more.", number=number))  # fmt: skip
    if wants_fragment():
        return render_template("versions/_entry.html", script=_script(script_id), version=version, is_full=True,
                               names=authoring.names_of([version.created_by]))  # fmt: skip
    return redirect_to(url_for("versions.index", script_id=script_id))


def _script(script_id: UUID) -> Script:
    return scripts.get(actor(), script_id, deleted=True)


def _version(script: Script, number: int) -> ScriptVersion:
    return versions.get(actor(), script.id, number if 0 < number <= script.version else 0)


def _number_before(script: Script, number: int) -> int:
    """Older ones may be gone; of the first there is nothing to compare with but itself."""
    older = versions.listed(actor(), script.id, number, 1)
    return older[0].number if older else number


def _timeline(script: Script, limit: int) -> dict[str, Any]:
    """One more than is shown says whether there are older ones."""
    before = request.args.get("before", type=int)
    before = before if before is not None and 0 < before <= script.version else None
    found = versions.listed(actor(), script.id, before, limit + 1)
    shown = found[:limit]
    return {
        "versions": shown,
        "older": shown[-1].number if len(found) > limit else None,
        "is_first": before is None,
        "names": authoring.names_of(version.created_by for version in shown),
    }


def _comparison(old: ScriptVersion, new: ScriptVersion) -> dict[str, Any]:
    return {
        "old": old,
        "new": new,
        "lines": diffs.lines_changed(old.source, new.source),
        "changes": settings_diff(_settings(old), _settings(new)),
        "writers": authoring.names_of([old.created_by, new.created_by]),
    }


def _settings(version: ScriptVersion) -> dict[str, Any]:
    return {"limits": version.limits, "parameters": version.parameters, "triggers": version.triggers}
