"""The list of scripts: finding them, switching them on and off, changing many at once."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import sentence
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, toast, wants_fragment
from services import script_lists, scripts
from services.errors import Invalid
from services.script_lists import SORTS, STATUSES, Filters
from services.scripts import Changes

bp = Blueprint("script_list", __name__, url_prefix="/scripts")

NAMES = ("words", "trigger", "status", "tag", "state")
DEEDS = ("enable", "disable", "tag", "untag", "delete")


@bp.get("")
@requires("scripts.read")
def index() -> Response:
    return _list(request.args)


def _list(asked_for: Any) -> Response:
    asked = {name: asked_for.get(name, "").strip()[:100] for name in NAMES}
    sort = asked_for.get("sort", "")
    if sort not in SORTS:
        sort = "updated"
    listed = script_lists.page(actor(), Filters(**asked), sort, asked_for.get("page", 1, int))
    kept = {name: value for name, value in asked.items() if value}
    sorted_by = {"sort": sort} if sort != "updated" else {}
    around: dict[str, Any] = (
        {} if wants_fragment() else {"totals": script_lists.totals(actor()), "tags": script_lists.tags(actor())}
    )
    return render("script_list/index.html", "script_list/_rows.html", listed=listed, asked=asked, kept=kept, sort=sort,
                  sorted_by=sorted_by, statuses=STATUSES, **around)  # fmt: skip


@bp.post("")
@requires("scripts.read")
def change() -> AnyResponse:
    """One deed for every checked row; which deed, one field says."""
    deed, tag = request.form.get("action", ""), request.form.get("tag", "").strip()
    if deed not in DEEDS or (deed in ("tag", "untag") and not tag):
        raise Invalid("There is nothing of this kind to do.", field="action")
    ids = [_id(value) for value in request.form.getlist("ids")]
    done, refused = script_lists.change_many(actor(), ids, deed, tag)
    if done:
        toast(ngettext("%(num)s script changed.", "%(num)s scripts changed.", done))
    if refused:
        toast(_("Not changed: %(names)s", names=", ".join(refused[:10])), "error")
    return redirect_to(url_for("script_list.index"))


def _id(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise Invalid("There is no such script.", field="ids") from None


@bp.post("/<uuid:script_id>/switch")
@requires("scripts.update")
def switch(script_id: UUID) -> AnyResponse:
    """The switch in a row. What it becomes is what the form says, not the opposite of what it was."""
    try:
        scripts.save(actor(), script_id, Changes(enabled=request.form.get("enabled") == "1"))
    except Invalid as refusal:
        toast(sentence(refusal), "error")
    if not wants_fragment():
        return redirect_to(url_for("script_list.index"))
    return Response(render_template("script_list/_row_alone.html", row=script_lists.row(actor(), script_id)))
