"""Who is asking, and may they? Session cookies for people, bearer tokens for programs."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user, decode_cookie, logout_user
from flask_login import login_user as start_session
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response

from models import Tenant, db
from models.ids import uuid7
from models.tenancy import bind
from services import accounts, tenants, tokens
from services.errors import Forbidden
from services.identity import Principal, TenantRef
from services.sessions import Ticket

P = ParamSpec("P")
R = TypeVar("R")


class _Login(LoginManager):
    def _load_user_from_remember_cookie(self, cookie: str) -> Principal | None:
        """No cookie of ours has other letters, and comparing signatures takes none."""
        return cast(Principal | None, super()._load_user_from_remember_cookie(cookie)) if cookie.isascii() else None


login = _Login()


def actor() -> Principal:
    """The signed-in person or token's owner; a view without one is not reached."""
    if not current_user.is_authenticated:
        abort(401)
    return cast(Principal, current_user._get_current_object())


def requires(permission: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The one decorator of routes: signed in, in a tenant, allowed. Services and templates ask again."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            who = actor()
            if not who.may(permission):
                raise Forbidden("You need the permission “%(permission)s” for this.", permission=permission)
            if who.tenant is None and permission != "tenants.manage":
                return cast(R, choose_a_tenant())
            return view(*args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]  # tests list every route with its permission
        return guarded

    return decorate


def signed_in(view: Callable[P, R]) -> Callable[P, R]:
    """For one's own things, which need no permission."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        actor()
        return view(*args, **kwargs)

    guarded.permission = ""  # type: ignore[attr-defined]
    return guarded


def in_tenant(view: Callable[P, R]) -> Callable[P, R]:
    """For what every member of a tenant may see."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        return view(*args, **kwargs) if actor().tenant else cast(R, choose_a_tenant())

    guarded.permission = ""  # type: ignore[attr-defined]
    return guarded


def choose_a_tenant() -> Response:
    """Only a superadmin has none."""
    return redirect(url_for("tenants.index"))


def open_session(principal: Principal, remember: bool = False, tenant: TenantRef | None = None) -> None:
    """A fresh session each time the person or their rights change: nothing set before sign-in survives it. Who goes to
    another tenant keeps their session's id: signing out there ends what cookies were copied here."""
    session.clear()
    session.permanent = remember
    acting_in = tenant or principal.tenant
    if principal.is_superadmin and acting_in:
        session["tenant"] = str(acting_in.id)
    start_session(principal if principal.session_id else replace(principal, session_id=uuid7()), remember=remember)


def close_session() -> None:
    """What both cookies say ends; they may differ where somebody signed in over another's session."""
    remembered = request.cookies.get(current_app.config["REMEMBER_COOKIE_NAME"], "")
    said = session.get("_user_id", ""), (decode_cookie(remembered) if remembered.isascii() else "") or ""
    accounts.sign_out(actor(), [ticket for ticket in map(_ticket, said) if ticket])
    session.clear()
    logout_user()


@login.user_loader
def _load_person(said: str) -> Principal | None:
    ticket = _ticket(said)
    if ticket is None or "database_away" in g:
        return None  # the page that says it is away must not ask it again
    try:
        chosen = UUID(session["tenant"]) if "tenant" in session else None
        return accounts.load_session(ticket, chosen)
    except ValueError:
        return None
    except OperationalError:
        g.database_away = True
        raise


def _ticket(said: str) -> Ticket | None:
    """None also for cookies of before sessions had ids: their owners sign in once more."""
    try:
        return Ticket.read(said)
    except ValueError:
        return None


@login.request_loader
def _load_program(_request: Any) -> Principal | None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if not is_api(request.path) or scheme.lower() != "bearer" or not secret or "database_away" in g:
        return None
    return tokens.load(secret.strip())


def is_api(path: str) -> bool:
    return path.startswith("/api/")


@login.unauthorized_handler
def _ask_to_sign_in() -> Response:
    abort(401)


def _bind_tenant() -> None:
    # Static files and health checks need neither a person nor the database; endpoints of scripts know no session.
    if request.endpoint in (None, "static", "health.live", "health.ready", "assets.file", "hooks.answer"):
        return
    tenant = current_user.tenant if current_user.is_authenticated else None
    bind(db.session, tenant.id if tenant else None)


def tenant_choices() -> list[Tenant]:
    """Where a superadmin may go. Asked by the menu of whole pages alone, and not while the database is away."""
    is_superadmin = current_user.is_authenticated and current_user.is_superadmin
    return tenants.choices(actor()) if is_superadmin and "database_away" not in g else []


def init_app(app: Flask) -> None:
    login.init_app(app)
    login.session_protection = None  # addresses change under phones; epochs end sessions that must end
    app.before_request(_bind_tenant)
    app.context_processor(lambda: {
        "can": lambda permission: current_user.is_authenticated and current_user.may(permission),
        "current_tenant": current_user.tenant if current_user.is_authenticated else None,
        "tenant_choices": tenant_choices,
    })  # fmt: skip
