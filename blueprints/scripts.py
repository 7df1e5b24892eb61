"""Scripts: writing a new one, the page an author lives in, saving, switching on and off, copying, deleting."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import attempt, sentence
from blueprints.forms.parameters import language
from blueprints.forms.scripts import NewScriptForm
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, toast, trigger, wants_fragment
from blueprints.navigation import has_endpoint
from models.script import Script
from services import authoring, event_log, scripts, triggers, versions
from services.cron.describe import describe
from services.cron.parse import parse
from services.errors import Invalid, ServiceError
from services.scripts import Changes, Stale, WouldDisable

bp = Blueprint("scripts", __name__, url_prefix="/scripts")

TIMELINE = 5
CHIPS = 4
# Sentences that stand in the classes of refusals, where the collection of texts does not look.
SAID_BY_CLASSES = (
    _l("Somebody saved version %(version)s meanwhile."),
    _l("Line %(line)s, column %(column)s: %(what)s. The script is enabled; saving it like this disables it."),
)
STARTER = """\
const {{ name = 'world' }} = context.input ?? {{}};

console.log(`{greeting}, ${{name}}`);
return {{ greeting: `{greeting}, ${{name}}` }};
"""


@bp.get("/new")
@requires("scripts.create")
def new() -> str:
    form = NewScriptForm(formdata=None, data={"source": STARTER.format(greeting=_("Hello"))})
    return render_template("scripts/new.html", form=form)


@bp.post("/new")
@requires("scripts.create")
def create() -> AnyResponse | tuple[str, int]:
    form = NewScriptForm()
    changes = Changes(name=form.name.data or "", description=form.description.data or "", source=form.source.data or "")
    script = attempt(form, lambda: scripts.create(actor(), changes), otherwise="name")
    if script is None:
        return render_template("scripts/new.html", form=form), 422
    if script.has_syntax_error:
        toast(_("The script is saved, and disabled: its code has a syntax error."), "warn")
    else:
        toast(_("The script is saved."))
    return redirect_to(url_for("scripts.show", script_id=script.id))


@bp.get("/<uuid:script_id>")
@requires("scripts.read")
def show(script_id: UUID) -> str:
    """`version` puts an older one into the editor, `run` the unsaved code of a test run: to be put right and saved as the newest.
    `event` is what Execute then runs it on."""
    script = scripts.get(actor(), script_id, deleted=True)
    event = request.args.get("event", type=UUID)
    tried = {"event": event_log.get(actor(), event)} if event else {}
    return render_template("scripts/show.html", script=script, **_around(script), **_in_editor(script), **tried)


def _in_editor(script: Script) -> dict[str, Any]:
    run_id, number = request.args.get("run", type=UUID), request.args.get("version", script.version, int)
    if run_id:
        return {"source": authoring.tested_source(actor(), script.id, run_id), "opened": _("the code of a test run")}
    if number == script.version:
        return {}
    opened = _("version %(number)s", number=number)
    return {"source": versions.get(actor(), script.id, number).source, "opened": opened}


@bp.post("/<uuid:script_id>")
@requires("scripts.update")
def save(script_id: UUID) -> Response:
    """The code and, with it, what the author says about the change. `over` is a version they have seen and want to replace."""
    source, note = request.form["source"].replace("\r\n", "\n"), request.form.get("note", "")
    base = request.form.get("over", type=int) or request.form.get("base_version", 0, int)
    before = scripts.get(actor(), script_id).version
    try:
        script = authoring.save(actor(), script_id, Changes(source=source), base_version=base, note=note,
                                may_disable="may_disable" in request.form)  # fmt: skip
    except (Stale, WouldDisable, Invalid) as refusal:
        return _refused(script_id, refusal, source, note, base)
    return _saved(script, script.version != before)


def _saved(script: Script, is_new: bool) -> Response:
    toast(_("Version %(number)s is saved.", number=script.version) if is_new else _("Nothing has changed."))
    if not wants_fragment():
        return redirect_to(url_for("scripts.show", script_id=script.id))
    fragment = render("scripts/show.html", "scripts/_save.html", script=script)
    return trigger(fragment, scriptSaved={"version": script.version})


def _refused(script_id: UUID, refusal: ServiceError, source: str, note: str, base: int) -> Response:
    """Nothing is lost: what was written comes back, and beside it what stands in its way."""
    script = scripts.get(actor(), script_id)
    facts = {
        "refusal": refusal, "said": sentence(refusal), "source": source, "note": note, "base_version": base,
        "is_stale": isinstance(refusal, Stale), "would_disable": isinstance(refusal, WouldDisable),
    }  # fmt: skip
    if facts["is_stale"]:
        theirs = versions.get(actor(), script_id, script.version)
        facts |= {"theirs": theirs, "their_author": authoring.name_of(theirs.created_by)}
    around = {} if wants_fragment() else _around(script)
    status = 409 if not isinstance(refusal, Invalid) else 422
    return render("scripts/show.html", "scripts/_save.html", status=status, script=script, **facts, **around)


@bp.get("/<uuid:script_id>/head")
@requires("scripts.read")
def head(script_id: UUID) -> str:
    return render_template("scripts/_head.html", script=scripts.get(actor(), script_id, deleted=True))


@bp.get("/<uuid:script_id>/numbers")
@requires("executions.read")
def numbers(script_id: UUID) -> str:
    script = scripts.get(actor(), script_id, deleted=True)
    return render_template("scripts/_numbers.html", script=script, numbers=authoring.numbers(actor(), script.id))


@bp.post("/<uuid:script_id>/enabled")
@requires("scripts.update")
def enable(script_id: UUID) -> AnyResponse:
    wanted = request.form.get("enabled") == "1"
    try:
        scripts.save(actor(), script_id, Changes(enabled=wanted))
    except Invalid as refusal:
        toast(sentence(refusal), "error")
    else:
        toast(_("The script is enabled.") if wanted else _("The script is disabled: no trigger starts it."))
    if wants_fragment():
        return render("scripts/show.html", "scripts/_head.html", script=scripts.get(actor(), script_id))
    return redirect_to(url_for("scripts.show", script_id=script_id))


@bp.post("/<uuid:script_id>/duplicate")
@requires("scripts.create")
def duplicate(script_id: UUID) -> AnyResponse:
    name = _("%(name)s (copy)", name=scripts.get(actor(), script_id).name)
    copy = authoring.duplicate(actor(), script_id, name)
    toast(_("The copy is disabled and has no triggers yet."))
    return redirect_to(url_for("scripts.show", script_id=copy.id))


@bp.get("/<uuid:script_id>/delete")
@requires("scripts.delete")
def confirm_delete(script_id: UUID) -> str:
    return render_template("scripts/delete.html", script=scripts.get(actor(), script_id))


@bp.post("/<uuid:script_id>/delete")
@requires("scripts.delete")
def delete(script_id: UUID) -> AnyResponse:
    name = scripts.get(actor(), script_id).name
    scripts.delete(actor(), script_id)
    toast(_("“%(name)s” is deleted. Its versions and runs stay readable.", name=name))
    return redirect_to(url_for("script_list.index" if has_endpoint("script_list.index") else "dashboard.index"))


def _around(script: Script) -> dict[str, Any]:
    """What stands around the editor."""
    timeline = versions.listed(actor(), script.id, limit=TIMELINE)
    return {
        "versions": timeline,
        "names": authoring.names_of(version.created_by for version in timeline),
        "numbers": authoring.numbers(actor(), script.id) if actor().may("executions.read") else None,
    }


@bp.app_template_global("script_head")
def _head_facts(script: Script) -> dict[str, Any]:
    """What every page of a script shows above it."""
    kinds = triggers.facts(script.id)
    chips = [
        *(("clock", describe(parse(each["cron"]), language())) for each in kinds["schedules"] if each["enabled"]),
        *(("webhook", each["path"]) for each in kinds["endpoints"] if each["enabled"]),
        *(("bolt", each["event_type"]) for each in kinds["subscriptions"] if each["enabled"]),
    ]
    return {
        "chips": chips[:CHIPS],
        "more": len(chips) - CHIPS,
        "counts": {kind: len(rows) for kind, rows in kinds.items()},
        "triggers": sum(len(rows) for rows in kinds.values()),
        "edited_by": authoring.name_of(script.updated_by),
    }


@bp.app_template_global("answers")
def _answers(address: str, method: str = "GET") -> bool:
    """Is there a page at this address? What a script's page shows of other nouns is there when they are."""
    return current_app.url_map.bind("").test(address, method)
