"""HTTP endpoints: all of the tenant, those of a script, and each with its address, a console to call it, and who called."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from blueprints.errors import blame
from blueprints.forms.endpoints import RENAMED, EndpointForm, data_of, signature_data
from blueprints.forms.meanwhile import marked, seen
from blueprints.guard import actor, requires
from blueprints.htmx import redirect_to, render, toast
from blueprints.neighbours import neighbours
from models.endpoint import Endpoint
from models.script import Script
from services import endpoints, scripts
from services.endpoints import Changes
from services.errors import Conflict, Invalid
from services.hooks import console, terminal
from services.hooks.console import Attempt
from services.hooks.signatures import PRESETS, Scheme
from services.meanwhile import Changed
from services.wiring import settings

bp = Blueprint("endpoints", __name__)
PER_PAGE = 25
SAMPLE = '{"hello": "world"}'


@bp.get("/endpoints")
@requires("scripts.read")
def index() -> str:
    page, by_id = endpoints.page(actor(), request.args.get("cursor", ""), PER_PAGE)
    return render_template("endpoints/index.html", endpoints=page.rows, scripts=by_id,
                           **neighbours(page, "endpoints.index"))  # fmt: skip


@bp.get("/scripts/<uuid:script_id>/endpoints")
@requires("scripts.read")
def listed(script_id: UUID) -> AnyResponse:
    return render("endpoints/of_script.html", "endpoints/_list.html", script=scripts.get(actor(), script_id),
                  endpoints=endpoints.listed(actor(), script_id))  # fmt: skip


@bp.get("/scripts/<uuid:script_id>/endpoints/new")
@requires("triggers.manage")
def new(script_id: UUID) -> str:
    data = {
        "methods": ["POST"],
        "auth": "token",
        "mode": "sync",
        "rate_per_minute": 600,
        **signature_data(PRESETS["plain"]),
    }
    return _editor(scripts.get(actor(), script_id), EndpointForm(formdata=None, data=data))


@bp.post("/scripts/<uuid:script_id>/endpoints")
@requires("triggers.manage")
def create(script_id: UUID) -> AnyResponse | tuple[str, int]:
    return _save(scripts.get(actor(), script_id), None)


@bp.get("/endpoints/<uuid:endpoint_id>")
@requires("scripts.read")
def show(endpoint_id: UUID) -> str:
    return _page(endpoints.get(actor(), endpoint_id))


@bp.post("/endpoints/<uuid:endpoint_id>")
@requires("triggers.manage")
def update(endpoint_id: UUID) -> AnyResponse | tuple[str, int]:
    endpoint = endpoints.get(actor(), endpoint_id)
    return _save(scripts.get(actor(), endpoint.script_id), endpoint)


@bp.post("/endpoints/<uuid:endpoint_id>/enabled")
@requires("triggers.manage")
def enable(endpoint_id: UUID) -> AnyResponse:
    enabled = request.form.get("enabled") == "1"
    endpoints.update(actor(), endpoint_id, Changes(enabled=enabled))
    toast(_("The endpoint answers again.") if enabled else _("The endpoint is paused."))
    return redirect_to(url_for("endpoints.show", endpoint_id=endpoint_id))


@bp.post("/endpoints/<uuid:endpoint_id>/delete")
@requires("triggers.manage")
def delete(endpoint_id: UUID) -> AnyResponse:
    script_id = endpoints.get(actor(), endpoint_id).script_id
    endpoints.delete(actor(), endpoint_id)
    toast(_("The endpoint is deleted."))
    return redirect_to(url_for("script_settings.triggers", script_id=script_id))


@bp.get("/endpoints/<uuid:endpoint_id>/requests")
@requires("executions.read")
def requests(endpoint_id: UUID) -> str:
    endpoint = endpoints.get(actor(), endpoint_id)
    return render_template("endpoints/_requests.html", endpoint=endpoint, requests=endpoints.recent(actor(), endpoint))


@bp.post("/endpoints/<uuid:endpoint_id>/try")
@requires("scripts.execute")
def attempt(endpoint_id: UUID) -> AnyResponse | str:
    """A real request: through the same door, under the same rules, with a run of its own."""
    given = {name: request.form.get(name, "") for name in ("method", "path", "query", "headers", "body")}
    tried = Attempt(**given)
    answer = console.send(actor(), endpoint_id, tried, request.remote_addr or "")
    if request.headers.get("HX-Request") == "true":
        return render_template("endpoints/_answer.html", answer=answer)
    return _page(endpoints.get(actor(), endpoint_id), tried=tried, answer=answer)


def _save(script: Script, endpoint: Endpoint | None) -> AnyResponse | tuple[str, int]:
    form, overtaken = EndpointForm(), None
    if form.validate():
        try:
            changes = form.changes(endpoint)
            kept = (
                endpoints.update(actor(), endpoint.id, changes, seen())
                if endpoint
                else endpoints.create(actor(), script.id, changes)
            )
        except Changed as refusal:
            overtaken = refusal
        except (Invalid, Conflict) as refusal:
            blame(form, refusal, "path", RENAMED)
        else:
            toast(_("Saved.") if endpoint else _("The endpoint is created."))
            return redirect_to(url_for("endpoints.show", endpoint_id=kept.id))
    return _editor(script, form, endpoint, overtaken), 409 if overtaken else 422


def _page(endpoint: Endpoint, **more: Any) -> str:
    form = EndpointForm(formdata=None, data=data_of(endpoint))
    return _editor(scripts.get(actor(), endpoint.script_id), form, endpoint, **more)


def _editor(
    script: Script,
    form: EndpointForm,
    endpoint: Endpoint | None = None,
    overtaken: Changed | None = None,
    **more: Any,
) -> str:
    known: dict[str, Any] = {"presets": {name: asdict(scheme) for name, scheme in PRESETS.items()}}
    if endpoint:
        first, reads_runs = _first_attempt(endpoint), actor().may("executions.read")
        known |= {
            **marked(endpoints.mark(endpoint), overtaken), "tried": first, "address": address_of(endpoint),
            "curl": terminal.curl(endpoint, address_of(endpoint), first.method, first.body),
            "requests": endpoints.recent(actor(), endpoint) if reads_runs else None,
            "sends_no_time": endpoint.auth == "signature" and not Scheme(**endpoint.options["signature"]).has_timestamp,
            "lacks_secret": endpoint.auth == "signature" and not console.has_secret(endpoint),
        }  # fmt: skip
    return render_template("endpoints/edit.html", script=script, form=form, endpoint=endpoint, **(known | more))


def _first_attempt(endpoint: Endpoint) -> Attempt:
    method = next((method for method in ("POST", "PUT", "GET") if method in endpoint.methods), endpoint.methods[0])
    is_asking = method in ("GET", "HEAD", "OPTIONS", "DELETE")
    return Attempt(
        method, endpoint.path, "", "" if is_asking else "Content-Type: application/json", "" if is_asking else SAMPLE
    )


@bp.app_template_global("endpoint_address")
def address_of(endpoint: Endpoint) -> str:
    """Where the world finds it."""
    tenant = actor().tenant
    base = (settings().public_url or request.url_root).rstrip("/")
    return f"{base}/hooks/{tenant.slug if tenant else ''}/{endpoint.path}"
