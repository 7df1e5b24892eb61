"""Scripts as files: downloading one or all, and uploading with a look at what would change first."""

import io
import tempfile
from collections.abc import Iterable
from typing import IO, cast
from uuid import UUID

from flask import Blueprint, render_template, request, send_file, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from blueprints.errors import sentence
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, toast
from models.script import Script
from services import bundles
from services.errors import ServiceError

bp = Blueprint("bundles", __name__, url_prefix="/scripts")


@bp.get("/export")
@requires("scripts.read")
def export_all() -> Response:
    return _zip(bundles.everything(actor()), "scripts.zip")


@bp.get("/<uuid:script_id>/export")
@requires("scripts.read")
def export(script_id: UUID) -> Response:
    script = bundles.one(actor(), script_id)
    return _zip(script, f"{script[0].name}.zip")


def _zip(scripts: Iterable[Script], name: str) -> Response:
    file = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115  # send_file closes it when the answer is sent
    bundles.write_zip(bundles.files_of(scripts), file)
    file.seek(0)
    return cast(Response, send_file(file, "application/zip", as_attachment=True, download_name=name))


@bp.get("/import")
@requires("scripts.create")
def index() -> str:
    return render_template("bundles/index.html")


@bp.post("/import")
@requires("scripts.create")
def preview() -> str | tuple[str, int]:
    """What would change. Nothing is written; the file waits for the answer."""
    upload = request.files.get("file")
    if not upload or not upload.filename:
        return render_template("bundles/index.html", error=_("Choose a file.")), 422
    content = upload.read()
    try:
        plan = bundles.plan(actor(), bundles.read_zip(io.BytesIO(content)))
    except ServiceError as refusal:
        return render_template("bundles/index.html", error=sentence(refusal)), 422
    return render_template("bundles/preview.html", plan=plan, digest=bundles.keep(actor(), content), sentence=sentence)


@bp.post("/import/<digest>")
@requires("scripts.create")
def carry_out(digest: str) -> Response | tuple[str, int]:
    """What the look at it promised; where something stands in its way, what is left to do is shown again."""
    files = bundles.read_zip(io.BytesIO(bundles.kept(actor(), digest)))
    plan = bundles.plan(actor(), files)
    try:
        bundles.carry_out(actor(), plan, note=_("Imported from a file"))
    except ServiceError as refusal:
        toast(sentence(refusal), "error")
        left = bundles.plan(actor(), files)  # scripts before the refused one are in
        return render_template("bundles/preview.html", plan=left, digest=digest, sentence=sentence), 409
    made, changed = plan.count("create"), plan.count("update")
    toast(" ".join([
        ngettext("%(num)s script was created.", "%(num)s scripts were created.", made),
        ngettext("%(num)s script was changed.", "%(num)s scripts were changed.", changed),
    ]))  # fmt: skip
    return redirect_to(url_for("script_list.index"))
