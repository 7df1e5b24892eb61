"""The mark in a form of what its author began from, and the words for who changed it since."""

from typing import Any

from flask import request
from flask_babel import gettext as _

from blueprints.formats import moment
from blueprints.guard import actor
from services import authoring
from services.meanwhile import Changed


def seen() -> str:
    return request.form.get("seen", "")


def marked(mark: str, refusal: Changed | None = None) -> dict[str, Any]:
    """For templates/shared/_meanwhile.html. A form keeps the mark it came with until its author was told of the change."""
    return {"seen": mark if refusal else seen() or mark, "meanwhile": _told(refusal) if refusal else ""}


def fresh(mark: str) -> dict[str, Any]:
    """For a form beside the one that was sent: it begins anew."""
    return {"seen": mark, "meanwhile": ""}


def _told(refusal: Changed) -> str:
    when = moment(refusal.at)
    if refusal.by_id is None:
        return _("Somebody changed it while you were editing.")
    if refusal.by_id == actor().id:
        return _("You changed it in another window: %(when)s.", when=when)
    name = authoring.name_of(refusal.by_id) or refusal.by_label
    return _("%(name)s changed it while you were editing: %(when)s.", name=name, when=when)
