"""What Execute is given: the saved sample, and the inputs of earlier runs."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import sentence
from blueprints.forms.parameters import entered_input, messages
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, toast, wants_fragment
from services import authoring, scripts
from services.errors import Invalid
from services.scripts import Changes

bp = Blueprint("script_inputs", __name__, url_prefix="/scripts/<uuid:script_id>")


@bp.get("/input")
@requires("scripts.execute")
def show(script_id: UUID) -> str:
    """The fields: filled with the sample, or with the input of the run that `of` names."""
    script = scripts.get(actor(), script_id)
    run = request.args.get("of", type=UUID)
    values = authoring.input_of(actor(), script_id, run) if run else script.sample_input
    return _fields(script.parameters, values)


@bp.get("/inputs")
@requires("scripts.execute")
def earlier(script_id: UUID) -> str:
    script = scripts.get(actor(), script_id)
    return render_template("scripts/_inputs.html", script=script, inputs=authoring.earlier_inputs(actor(), script.id))


@bp.post("/input")
@requires("scripts.update")
def keep(script_id: UUID) -> AnyResponse | tuple[str, int]:
    """The sample is what the fields begin with, for everybody."""
    script = scripts.get(actor(), script_id)
    entered = entered_input(script.parameters, request.form)
    errors = messages(entered.faults)
    if not errors:
        try:
            scripts.save(actor(), script_id, Changes(sample_input=entered.value))
        except Invalid as refusal:
            errors = {"": [sentence(refusal)]}
    if errors:
        return _fields(script.parameters, entered.texts, errors=errors, mode=entered.mode, raw=entered.raw), 422
    toast(_("The sample input is saved."))
    if wants_fragment():
        return _fields(script.parameters, entered.value, mode=entered.mode), 200
    return redirect_to(url_for("scripts.show", script_id=script_id))


def _fields(parameters: list[dict[str, Any]], values: Any, **more: Any) -> str:
    return render_template("scripts/_input.html", parameters=parameters, values=values, **more)
