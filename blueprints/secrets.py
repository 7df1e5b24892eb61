"""Secrets of scripts: make one, replace or describe it, see who names it. A value goes in and never comes out."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from blueprints.errors import blame
from blueprints.forms.secrets import NewSecretForm, SecretForm
from blueprints.guard import actor, requires
from services import secrets
from services.errors import ServiceError

bp = Blueprint("secrets", __name__, url_prefix="/secrets")


@bp.get("")
@requires("secrets.manage")
def index() -> str:
    return render_template("secrets/index.html", secrets=secrets.listed(actor()))


@bp.get("/new")
@requires("secrets.manage")
def new() -> str:
    return render_template("secrets/new.html", form=NewSecretForm(formdata=None))


@bp.post("")
@requires("secrets.manage")
def create() -> Response | tuple[str, int]:
    form = NewSecretForm()
    if form.validate():
        try:
            secrets.create(actor(), form.name.data, form.value.data, form.description.data or "")
        except ServiceError as error:
            blame(form, error, "name")
        else:
            flash(_("The secret is saved."), "success")
            return redirect(url_for("secrets.index"), 303)
    return render_template("secrets/new.html", form=form), 422


@bp.get("/<uuid:secret_id>")
@requires("secrets.manage")
def show(secret_id: UUID) -> str:
    secret = secrets.get(actor(), secret_id)
    return _page(secret_id, SecretForm(formdata=None, data={"description": secret.description}))


@bp.post("/<uuid:secret_id>")
@requires("secrets.manage")
def update(secret_id: UUID) -> Response | tuple[str, int]:
    form = SecretForm()
    secrets.get(actor(), secret_id)
    if form.validate():
        try:
            secrets.change(actor(), secret_id, form.value.data or "", form.description.data or "")
        except ServiceError as error:
            blame(form, error, "value")
        else:
            flash(_("Saved."), "success")
            return redirect(url_for("secrets.index"), 303)
    return _page(secret_id, form), 422


@bp.post("/<uuid:secret_id>/delete")
@requires("secrets.manage")
def delete(secret_id: UUID) -> Response:
    secret = secrets.delete(actor(), secret_id)
    flash(_("The secret “%(name)s” is deleted.", name=secret.name), "success")
    return redirect(url_for("secrets.index"), 303)


def _page(secret_id: UUID, form: SecretForm) -> str:
    secret = secrets.get(actor(), secret_id)
    return render_template(
        "secrets/show.html", secret=secret, form=form, scripts=secrets.scripts_naming(actor(), secret.name)
    )
