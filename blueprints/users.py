"""The people of a tenant."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import SelectChoice

from blueprints.errors import attempt
from blueprints.forms.people import InviteForm, UserForm
from blueprints.guard import actor, requires
from blueprints.htmx import render
from blueprints.labels import role_label
from services import roles, users

bp = Blueprint("users", __name__, url_prefix="/users")


@bp.get("")
@requires("users.manage")
def index() -> Response:
    search = request.args.get("q", "").strip()[:100]
    return render("users/index.html", "users/_people.html", users=users.listed(actor(), search), q=search)


@bp.get("/invite")
@requires("users.manage")
def new() -> str:
    return render_template("users/invite.html", form=_invite_form())


@bp.post("")
@requires("users.manage")
def invite() -> str | tuple[str, int]:
    form = _invite_form()
    made = attempt(form, lambda: users.invite(actor(), form.email.data, form.role_id.data, **_names(form)), "email")
    return _link_page(made) if made else (render_template("users/invite.html", form=form), 422)


@bp.get("/<uuid:user_id>")
@requires("users.manage")
def show(user_id: UUID) -> str:
    user = users.get(actor(), user_id)
    return render_template("users/edit.html", form=_user_form(obj=user), user=user)


@bp.post("/<uuid:user_id>")
@requires("users.manage")
def update(user_id: UUID) -> Response | tuple[str, int]:
    form = _user_form()
    if attempt(form, lambda: users.update(actor(), user_id, role_id=form.role_id.data, is_active=form.is_active.data,
                                          **_names(form)), "role_id"):  # fmt: skip
        flash(_("Saved."), "success")
        return redirect(url_for("users.index"), 303)
    return render_template("users/edit.html", form=form, user=users.get(actor(), user_id)), 422


@bp.post("/<uuid:user_id>/link")
@requires("users.manage")
def renew_link(user_id: UUID) -> str:
    return _link_page(users.renew_link(actor(), user_id))


def _link_page(made: users.Invitation) -> str:
    link = url_for("auth.accept_link", secret=made.secret, _external=True)
    return render_template("users/link.html", user=made.user, link=link)


def _names(form: InviteForm | UserForm) -> dict[str, str]:
    return {"first_name": form.first_name.data or "", "last_name": form.last_name.data or ""}


def _invite_form() -> InviteForm:
    form = InviteForm()
    form.role_id.choices = _role_choices()
    return form


def _user_form(**data: object) -> UserForm:
    form = UserForm(**data)
    form.role_id.choices = _role_choices()
    return form


def _role_choices() -> list[SelectChoice]:
    who = actor()
    grantable = (role for role in roles.listed(who) if frozenset(role.permissions) <= who.permissions)
    return [SelectChoice(role.id, role_label(role)) for role in grantable]
