"""What a script can call, for readers: the same text the editor shows while one types."""

from itertools import groupby

from flask import Blueprint, render_template

from blueprints.guard import requires
from blueprints.languages import language
from services import typings

bp = Blueprint("reference", __name__, url_prefix="/reference")


@bp.get("")
@requires("scripts.read")
def index() -> str:
    chapters = [(name, list(members)) for name, members in groupby(typings.members(), _chapter)]
    return render_template("reference/index.html", chapters=chapters, language=language())


def _chapter(member: typings.Member) -> str:
    """`sdk.cache` for all it has; what is not behind `sdk` stands together."""
    first, *rest = member.path.split(".")
    return f"{first}.{rest[0]}" if first == "sdk" else first
