"""One's own name, language, theme, zone and password."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import refresh
from werkzeug.wrappers import Response

from blueprints.errors import attempt
from blueprints.forms.accounts import ChangePasswordForm, ProfileForm
from blueprints.guard import actor, open_session, signed_in
from services import accounts
from services.accounts import Profile

bp = Blueprint("profile", __name__, url_prefix="/profile")


@bp.get("")
@signed_in
def index() -> str:
    who = actor()
    return _page(ProfileForm(formdata=None, data={
        "first_name": who.first_name, "last_name": who.last_name, "language": who.language or "",
        "theme": who.theme, "timezone": who.timezone or "",
    }), ChangePasswordForm(formdata=None))  # fmt: skip


@bp.post("")
@signed_in
def update() -> Response | tuple[str, int]:
    form = ProfileForm()
    if attempt(form, lambda: accounts.update_profile(actor(), _profile_of(form))):
        refresh()
        flash(_("Your profile is saved."), "success")
        return redirect(url_for("profile.index"), 303)
    return _page(form, ChangePasswordForm(formdata=None)), 422


@bp.post("/password")
@signed_in
def change_password() -> Response | tuple[str, int]:
    form, who = ChangePasswordForm(), actor()
    renewed = attempt(form, lambda: accounts.change_password(who, form.current.data, form.password.data))
    if renewed is None:
        return _page(ProfileForm(formdata=None, obj=who), form), 422
    open_session(renewed, tenant=who.tenant)
    flash(_("Your password is changed. Your other sessions have ended."), "success")
    return redirect(url_for("profile.index"), 303)


def _profile_of(form: ProfileForm) -> Profile:
    return Profile(form.first_name.data or "", form.last_name.data or "", form.language.data or None,
                   form.theme.data, form.timezone.data or None)  # fmt: skip


def _page(form: ProfileForm, password_form: ChangePasswordForm) -> str:
    return render_template("profile/index.html", form=form, password_form=password_form)
