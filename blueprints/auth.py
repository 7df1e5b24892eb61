"""Sign in, sign out, links that set a password, and the superadmin's way between tenants."""

from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from blueprints.errors import sentence
from blueprints.forms.accounts import AcceptLinkForm, SignInForm
from blueprints.guard import actor, close_session, open_session, requires
from services import accounts, demo, tenants
from services.errors import Invalid, RateLimited

bp = Blueprint("auth", __name__)


@bp.get("/sign-in")
def sign_in() -> Response | str:
    if current_user.is_authenticated:
        return redirect(_safe_next())
    return _sign_in_page(SignInForm(formdata=None, data={"email": request.args.get("email", "")}))


@bp.post("/sign-in")
def start_session() -> Response | tuple[str, int, dict[str, str]] | str:
    form = SignInForm()
    if not form.validate():
        return _sign_in_page(form), 422, {}
    try:
        principal = accounts.sign_in(form.email.data, form.password.data)
    except Invalid as error:
        form.password.errors = [sentence(error)]
        return _sign_in_page(form), 422, {}
    except RateLimited as error:
        form.password.errors = [sentence(error)]
        return _sign_in_page(form), 429, {"Retry-After": str(error.seconds)}
    open_session(principal, remember=form.remember.data)
    return redirect(_safe_next())


def _sign_in_page(form: SignInForm) -> str:
    return render_template("auth/sign_in.html", form=form, next=request.values.get("next", ""),
                           demo_accounts=demo.seeded_accounts())  # fmt: skip


def _safe_next() -> str:
    """Only a path of ours: never another site, however it is written."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    harmless = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    if harmless and not parts.scheme and not parts.netloc and "\\" not in wanted:
        return wanted
    return url_for("tenants.index" if current_user.is_authenticated and not current_user.tenant else "dashboard.index")


@bp.post("/sign-out")
def sign_out() -> Response:
    if current_user.is_authenticated:
        close_session()
    session_ended = redirect(url_for("auth.sign_in"))
    session_ended.headers["Clear-Site-Data"] = '"cache"'
    return session_ended


@bp.route("/welcome/<secret>", methods=["GET", "POST"])
def accept_link(secret: str) -> Response | tuple[str, int] | str:
    invitee = accounts.invitee(secret)
    form = AcceptLinkForm(data={"first_name": invitee.first_name, "last_name": invitee.last_name})
    if form.validate_on_submit():
        try:
            principal = accounts.accept_link(
                secret, form.password.data, first_name=form.first_name.data or "", last_name=form.last_name.data or ""
            )
        except Invalid as error:
            form.password.errors = [sentence(error)]
        else:
            open_session(principal)
            flash(_("Welcome to Dastgoh."), "success")
            return redirect(url_for("dashboard.index"))
    page = render_template("auth/accept_link.html", form=form, invitee=invitee)
    return (page, 422) if form.is_submitted() else page


@bp.post("/tenant")
@requires("tenants.manage")
def switch_tenant() -> Response:
    there = tenants.switch(actor(), _uuid(request.form.get("tenant_id", "")))
    open_session(there)
    flash(_("You now act in %(tenant)s.", tenant=there.tenant.name if there.tenant else ""), "success")
    return redirect(url_for("dashboard.index"))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("There is no such tenant.") from None
