"""/api/v1/audit"""

from flask import Response
from flask_babel import lazy_gettext as _l

from blueprints.api.contract import Asked, contract
from blueprints.api.protocol import api_blueprint, listing, query
from blueprints.api.schemas import PAGED, TIMED, ref, typed
from blueprints.api.shapes import audit_entry
from blueprints.guard import actor, requires
from services import audit
from services.audit import Filters

bp = api_blueprint("audit")

FILTERS = (
    Asked("action", typed(60), _l("of this kind: “script” finds “script.created” and all its like")),
    Asked("actor", typed(254), _l("by somebody whose e-mail has this in it")),
    Asked("target", typed(254), _l("to the thing of this id, or with this in its name")),
    *TIMED,
)


@bp.get("/audit")
@requires("audit.read")
@contract(_l("Read the audit log, newest entry first"), {200: ref("AuditEntries")}, asks=(*PAGED, *FILTERS))
def index() -> Response:
    asked = query()
    wanted = Filters(asked["action"] or "", asked["actor"] or "", asked["target"] or "", asked["since"], asked["until"])
    return listing(audit.page(actor(), wanted, asked["cursor"] or "", asked["limit"]), audit_entry)
