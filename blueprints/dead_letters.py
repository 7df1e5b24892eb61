"""Dead letters: failed deliveries in groups, one by one, and what to do about them."""

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from blueprints.days import start_of
from blueprints.errors import sentence
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, toast
from blueprints.neighbours import neighbours
from services import dead_letters, event_log, replays
from services.dead_letters import Filters
from services.errors import Invalid

bp = Blueprint("dead_letters", __name__, url_prefix="/dead-letters")

NAMES = ("state", "script", "code", "frame", "type", "since", "until")


@bp.get("")
@requires("dead_letters.manage")
def index() -> Response:
    wanted, kept = _wanted(request.args), _kept(request.args)
    page = dead_letters.page(actor(), wanted, request.args.get("cursor", ""))
    chosen = [wanted.script_id] if wanted.script_id else []
    names = event_log.scripts_of([*chosen, *(letter.script_id for letter in page.rows)])
    return render(
        "dead_letters/index.html", "dead_letters/_list.html", letters=page.rows, groups=dead_letters.groups(actor(), wanted),
        scripts=names, asked=wanted, kept=kept, is_filtered=any(name != "state" for name in kept),
        replays=dead_letters.replays_of(actor(), page.rows), choices=dead_letters.choices(actor()),
        outlook=replays.outlook(actor(), wanted), once=dead_letters.MOST_AT_ONCE,
        **neighbours(page, "dead_letters.index", **kept),
    )  # fmt: skip


@bp.get("/<uuid:letter_id>")
@requires("dead_letters.manage")
def show(letter_id: UUID) -> str:
    return _page(letter_id)


@bp.post("/<uuid:letter_id>/replay")
@requires("dead_letters.manage")
def replay(letter_id: UUID) -> AnyResponse:
    run = replays.replay(actor(), letter_id, request.form.get("version", "pinned"))
    toast(_("The event is delivered again."), "run")
    return redirect_to(url_for("executions.show", execution_id=run.id))


@bp.post("/<uuid:letter_id>/edited")
@requires("dead_letters.manage")
def replay_edited(letter_id: UUID) -> AnyResponse | tuple[str, int]:
    text = request.form.get("data", "")
    try:
        run = replays.replay_edited(actor(), letter_id, _parsed(text), request.form.get("version", "current"))
    except Invalid as error:
        return _page(letter_id, text, sentence(error)), 422
    toast(_("The corrected event is delivered."), "run")
    return redirect_to(url_for("executions.show", execution_id=run.id))


@bp.post("/<uuid:letter_id>/resolve")
@requires("dead_letters.manage")
def resolve(letter_id: UUID) -> AnyResponse:
    dead_letters.resolve(actor(), letter_id, request.form.get("note", ""))
    toast(_("Settled."))
    return redirect_to(url_for("dead_letters.index"))


@bp.post("/replay")
@requires("dead_letters.manage")
def replay_many() -> AnyResponse:
    """A group, or all that the page's filters show."""
    count = replays.replay_many(actor(), _wanted(request.form), request.form.get("version", "pinned"))
    if count:
        toast(ngettext("%(num)s event is delivered again.", "%(num)s events are delivered again.", count), "run")
    return _back_to_list(count)


@bp.post("/resolve")
@requires("dead_letters.manage")
def resolve_many() -> AnyResponse:
    count = dead_letters.resolve_many(actor(), _wanted(request.form), request.form.get("note", ""))
    if count:
        toast(ngettext("%(num)s dead letter is settled.", "%(num)s dead letters are settled.", count))
    return _back_to_list(count)


def _back_to_list(count: int) -> AnyResponse:
    """As it was filtered: the address says so, while the form says which of its letters were meant."""
    if not count:
        toast(_("No open dead letter was left to act on."), "warn")
    return redirect_to(url_for("dead_letters.index", **_kept(request.args)))


def _page(letter_id: UUID, text: str | None = None, problem: str = "") -> str:
    letter = dead_letters.get(actor(), letter_id)
    script = event_log.scripts_of([letter.script_id])[letter.script_id]
    if text is None:
        text = json.dumps(letter.event_data, ensure_ascii=False, indent=2)
    again = dead_letters.replays_of(actor(), [letter]).get(letter.id)
    return render_template(
        "dead_letters/show.html", letter=letter, script=script, text=text, problem=problem, again=again
    )


def _wanted(given: Any) -> Filters:
    """What cannot be read is refused: taken for no filter it would mean every letter there is."""
    return Filters(
        script_id=_script(given.get("script", "")), code=given.get("code", "")[:30],
        frame=given["frame"][:200] if "frame" in given else None, event_type=given.get("type", "").strip()[:200],
        state=given.get("state", "open"), since=start_of(given.get("since", "")), until=start_of(given.get("until", ""), days=1),
    )  # fmt: skip


def _script(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Invalid("There is no such choice.", field="script") from None


def _kept(given: Any) -> dict[str, Any]:
    """What the reader asked for. No frame is a group of its own, so an empty one counts."""
    return {name: given[name] for name in NAMES if name in given and (given[name] or name == "frame")}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("This is not JSON that can be kept.", field="data") from None
