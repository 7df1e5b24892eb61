"""The menu: what stands where, and who sees it."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app, g
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from blueprints.guard import actor
from models import db
from models.tenancy import bound_to
from services import dead_letters


@dataclass(frozen=True)
class Item:
    endpoint: str
    label: LazyString
    icon: str
    permissions: tuple[str, ...] = ()  # all that its page asks for; none: everybody who is signed in

    @property
    def blueprint(self) -> str:
        return self.endpoint.partition(".")[0]


MENU: tuple[tuple[Item, ...], ...] = (
    (
        Item("dashboard.index", _l("Dashboard"), "layout-dashboard"),
        Item("script_list.index", _l("Scripts"), "script", ("scripts.read",)),
        Item("run_list.index", _l("Runs"), "player-play", ("executions.read",)),
        Item("reference.index", _l("SDK reference"), "braces", ("scripts.read",)),
        Item("api_reference.index", _l("API"), "code"),
    ),
    (
        Item("events.index", _l("Event log"), "bolt", ("executions.read",)),
        Item("subscriptions.index", _l("Subscriptions"), "filter", ("scripts.read",)),
        Item("schedules.index", _l("Schedules"), "clock", ("scripts.read",)),
        Item("endpoints.index", _l("Endpoints"), "webhook", ("scripts.read",)),
        Item("dead_letters.index", _l("Dead letters"), "inbox", ("dead_letters.manage", "executions.read")),
    ),
    (
        Item("secrets.index", _l("Secrets"), "key", ("secrets.manage",)),
        Item("audit.index", _l("Audit log"), "history", ("audit.read",)),
        Item("users.index", _l("Users and roles"), "users", ("users.manage",)),
        Item("settings.index", _l("Settings"), "settings", ("users.manage",)),
    ),
)


def init_app(app: Flask) -> None:
    app.jinja_env.globals["has_endpoint"] = has_endpoint
    app.jinja_env.globals["menu_groups"] = menu_groups
    app.jinja_env.globals["open_letters"] = open_letters


def open_letters() -> str:
    """Beside their line in the menu of whole pages; nothing on one that says why nobody could be asked."""
    if bound_to(db.session) is None or "database_away" in g or not actor().may("executions.read"):
        return ""
    with db.session.no_autoflush:  # what a form has half changed is not saved for the menu's sake
        count = dead_letters.count_open(actor())
    return f"{dead_letters.MOST_COUNTED}+" if count > dead_letters.MOST_COUNTED else str(count or "")


def has_endpoint(endpoint: str) -> bool:
    return endpoint in current_app.view_functions


def menu_groups(can: Callable[[str], bool]) -> list[list[Item]]:
    """The groups this reader sees: pages that exist and that they may open."""
    shown = ([item for item in group if _visible(item, can)] for group in MENU)
    return [group for group in shown if group]


def _visible(item: Item, can: Callable[[str], bool]) -> bool:
    return has_endpoint(item.endpoint) and all(map(can, item.permissions))
