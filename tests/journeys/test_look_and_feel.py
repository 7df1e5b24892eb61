"""How the house feels in a real browser: themes, keyboard, dialogs, toasts, and what a screen reader meets."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from flask import Flask
from playwright.sync_api import ConsoleMessage, Page, ViewportSize, expect

from models import DeadLetter, Occurrence, Tenant, db
from models.base import utcnow
from models.tenancy import as_tenant
from runtime import ScriptError
from services import (
    endpoints,
    events,
    executions,
    process,
    roles,
    schedules,
    scripts,
    secrets,
    subscriptions,
    tokens,
    users,
)
from services.errors import RateLimited
from services.scripts import Changes
from tests.conftest import Person
from tests.journeys.every_page import VISITS, Visit

AXE = Path("node_modules/axe-core/axe.min.js")
FAULTS = "rules => axe.run(document, rules).then(found => found.violations)"  # all it found would be megabytes
WEAR = """theme => {
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new CustomEvent('dastgoh:theme', { detail: { theme } })); // the code editor follows
}"""
CONTRAST: dict[str, list[str]] = {"runOnly": ["color-contrast"]}
WIDTHS = {"desk": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}
PORTIONS = [
    pytest.param(who, visits[first : first + 10], id=f"{who}-{first // 10 + 1}")
    for who, visits in VISITS.items()
    for first in range(0, len(visits), 10)
]
pytestmark = pytest.mark.browser


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def enter(signed_in: Callable[..., Page], alice: Person) -> Callable[..., Page]:
    """A signed-in page in a window of its own."""

    def open_signed_in(width: str = "desk", theme: str = "light", who: Person = alice) -> Page:
        page = signed_in(who, viewport=_size(width), color_scheme=theme)
        page.goto("/profile")
        return page

    return open_signed_in


@pytest.fixture
def things(app: Flask, alice: Person, bob: Person, acme: Tenant) -> Iterator[dict[str, str]]:
    """What the paths of `every_page` name, and pages for errors that no address brings about."""
    app.add_url_rule("/too-fast", "health.too_fast", _too_fast)
    app.add_url_rule("/broken", "health.broken", lambda: {}["nothing"])
    with app.app_context(), as_tenant(db.session, acme.id):
        role = roles.create(alice.principal, "Cashier", ["scripts.read", "scripts.execute"])
        roles.update(alice.principal, role.id, "Night cashier", ["scripts.read"])
        tokens.create(alice.principal, "Warehouse", ["scripts.read"])
        invitation = users.invite(alice.principal, "gulnora@acme.test", role.id)
        script = scripts.create(alice.principal, Changes(name="Price new orders", source="return 1;", tags=["orders"]))
        scripts.save(alice.principal, script.id, Changes(source="return 2;", limits={"timeout_ms": 5000}), note="Two")
        secret = secrets.create(alice.principal, "bank_api_key", "a value nobody sees", "The bank's test account")
        filter = {
            "any": [{"path": "data.total", "op": "gt", "value": 5}, {"not": {"path": "data.tags", "op": "empty"}}]
        }
        subscription = subscriptions.create(alice.principal, script.id, "order.*", filter)
        signing = {"signature": {"preset": "stripe", "secret": "bank_api_key"}, "cors": {"origins": ["*"]}}
        endpoint = endpoints.create(alice.principal, script.id, endpoints.Changes(
            path="shop/:shop/orders/:order", methods=["GET", "POST"], auth="signature", options=signing,
        ))  # fmt: skip
        event = events.publish(alice.principal, "order.created", {"total": 7, "client": "ООО «Навруз Трейд»"})
        letter = DeadLetter(
            script_id=script.id, subscription_id=subscription.id, event_id=event.event_id, event_type="order.created",
            event_data={"total": 7}, version_number=1, error_code="RUNTIME_ERROR", error_message="no client", note="n" * 120,
            error=ScriptError.of("RUNTIME_ERROR", "no client", line=1, column=2).to_dict(),
        )  # fmt: skip
        schedule = schedules.create(
            alice.principal, script.id, schedules.Changes(cron="30 2 * 3 0", timezone="Europe/Berlin")
        )
        slot = Occurrence(schedule_id=schedule.id, due_at=utcnow(), outcome="skipped", reason="overlap")
        db.session.add_all([letter, slot])
        db.session.commit()
        run = executions.wait_for(alice.principal, executions.start(alice.principal, script.id).id, 30)
        made = {
            "schedule": str(schedule.id),
            "run": str(run.id),
            "event": str(event.event_id),
            "subscription": str(subscription.id),
            "letter": str(letter.id),
            "user": str(bob.id),
            "own_role": str(role.id),
            "builtin_role": str(bob.principal.role_id),
            "link": invitation.secret,
            "secret": str(secret.id),
            "tenant": str(alice.principal.tenant.id),
            "script": str(script.id),
            "endpoint": str(endpoint.id),
        }
    yield made
    process.close(app)


def _too_fast() -> NoReturn:
    raise RateLimited(30, "Too many attempts. Try again in %(seconds)s s.")


def _size(width: str) -> ViewportSize:
    return ViewportSize(width=WIDTHS[width][0], height=WIDTHS[width][1])


@pytest.mark.parametrize(("who", "visits"), PORTIONS)
def test_every_reader_can_use_the_pages(
    who: str, visits: tuple[Visit, ...], root: Person, alice: Person, things: dict[str, str], enter: Callable[..., Page],
    new_page: Callable[..., Page], address: str,
) -> None:  # fmt: skip
    people = {"alice": alice, "root": root}
    page = enter(who=people[who]) if who in people else new_page(base_url=address)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"{page.url} throws {error}"))
    page.on("console", lambda line: complaints.append(f"{page.url} says {line.text}") if _is_bad(line) else None)
    for visit in visits:
        status = _go(page, visit, things)
        assert status == visit.status, visit
        complaints += [f"{visit}: {complaint}" for complaint in _shortcomings(page)]
    assert complaints == []


def _is_bad(line: ConsoleMessage) -> bool:
    """The browser also logs the status of a page that is an error on purpose."""
    shown = line.page.url if line.page else ""
    its_own_status = line.text.startswith("Failed to load resource") and line.location["url"] == shown
    return "Content Security Policy" in line.text or (line.type == "error" and not its_own_status)


def _go(page: Page, visit: Visit, things: dict[str, str]) -> int:
    answer = page.goto(visit.path.format(**things))
    for label, text in visit.fill.items():
        page.get_by_label(label).first.fill(text)
    if visit.check:
        page.get_by_label(visit.check).check()
    if visit.press:
        with page.expect_navigation() as pressed:
            page.locator("main").get_by_role("button", name=visit.press).first.click()
        answer = pressed.value
    return answer.status if answer else 0


def _shortcomings(page: Page) -> Iterator[str]:
    """All rules in each window; a theme changes nothing but colours, so on the desk contrast is enough in the other one."""
    page.evaluate(AXE.read_text())
    for width, theme, rules in (("desk", "light", {}), ("desk", "dark", CONTRAST), ("phone", "dark", {})):
        page.set_viewport_size(_size(width))
        page.evaluate(WEAR, theme)
        for fault in page.evaluate(FAULTS, {"resultTypes": ["violations"], **rules}):
            yield from (f"{width}, {theme}: {fault['id']} at {node['target']}" for node in fault["nodes"])
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            yield f"{width}: wider than the window"


def test_nothing_is_wider_than_a_small_desk(enter: Callable[..., Page]) -> None:
    page = enter("tablet")
    page.goto("/dev/components")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_table_that_is_too_wide_scrolls_by_itself_with_all_that_is_only_read_out(
    enter: Callable[..., Page], things: dict[str, str]
) -> None:
    page = enter()
    page.set_viewport_size({"width": 610, "height": 800})
    page.goto("/scripts")
    assert page.evaluate("(box => box.scrollWidth > box.clientWidth)(document.querySelector('.table-wrap'))")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_theme_changes_at_once_and_stays(enter: Callable[..., Page]) -> None:
    page = enter()
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    with page.expect_response("**/preferences/theme"):
        page.get_by_role("button", name="Switch theme").click()  # system → light
    with page.expect_response("**/preferences/theme"):
        page.get_by_role("button", name="Switch theme").click()  # light → dark
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_dangerous_button_asks_and_gives_the_focus_back(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/dev/components")
    button = page.locator("[data-confirm]")
    button.click()
    dialog = page.get_by_role("dialog", name="Delete “Archive closed deals”?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_a_message_of_a_fragment_appears_and_can_be_dismissed(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/dev/components")
    page.get_by_role("button", name="Show a toast").click()
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text("Version 15 saved")
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def test_a_lost_connection_is_said_and_nothing_disappears(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/dev/components")
    page.route("**/dev/components/toast", lambda route: route.abort())
    page.get_by_role("button", name="Show a toast").click()
    expect(page.locator("#toasts .toast-error")).to_contain_text("cannot be reached")
    expect(page.get_by_role("heading", level=1)).to_have_text("Components")


def test_the_first_wrong_field_has_the_focus(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/dev/components")
    expect(page.get_by_label("Cron expression")).to_be_focused()


def test_checked_rows_bring_the_bar_and_shift_checks_a_range(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/dev/components")
    bar = page.locator("#bulk")
    expect(bar).to_be_hidden()
    page.get_by_label("Select Price new orders").check()
    page.get_by_label("Select Sync stock with Chilonzor warehouse").click(modifiers=["Shift"])
    expect(bar).to_contain_text("Selected: 3")
    bar.get_by_role("button", name="Clear selection").click()
    expect(bar).to_be_hidden()


def test_menus_answer_to_arrow_keys(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/dev/components")
    page.get_by_role("button", name="More actions").press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#sample-menu").get_by_text("Open")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#sample-menu")).to_be_hidden()


def test_keys_are_listed_and_lead_somewhere(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/nowhere")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")


def test_the_menu_opens_on_a_phone(enter: Callable[..., Page]) -> None:
    page = enter("phone")
    expect(page.locator("#sidebar")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Users and roles")).to_be_visible()


def test_a_filter_searches_while_somebody_types_and_keeps_the_address(
    enter: Callable[..., Page], bob: Person, things: dict[str, str]
) -> None:
    page = enter()
    page.goto("/users")
    clear = page.get_by_role("link", name="Clear")
    expect(clear).to_be_hidden()
    page.locator("main").get_by_role("searchbox").press_sequentially("bob")
    expect(page.locator("#people")).not_to_contain_text("alice@acme.test")
    expect(page.locator("#people")).to_contain_text("bob@acme.test")
    expect(page).to_have_url(re.compile(r"/users\?q=bob$"))
    expect(page.locator("main").get_by_role("searchbox")).to_be_focused()
    page.reload()
    expect(page.locator("#people")).not_to_contain_text("alice@acme.test")
    clear.click()
    expect(page.locator("#people")).to_contain_text("alice@acme.test")


def test_an_empty_filter_leaves_no_trace_in_the_address(enter: Callable[..., Page]) -> None:
    page = enter()
    page.goto("/audit")
    page.get_by_label("Action").select_option("auth.signed_in")
    expect(page).to_have_url(re.compile(r"/audit\?action=auth\.signed_in$"))
    page.get_by_label("Action").select_option("")
    expect(page).to_have_url(re.compile(r"/audit$"))


def test_a_superadmin_moves_between_tenants_by_the_menu(
    enter: Callable[..., Page], root: Person, acme: Tenant, globex: Tenant
) -> None:
    page = enter(who=root)
    for tenant in (acme, globex):
        page.locator("[popovertarget=tenants]").click()
        page.get_by_role("group", name="Switch tenant").get_by_role("button", name=tenant.name).click()
        expect(page.locator("#toasts")).to_contain_text(f"You now act in {tenant.name}.")
        expect(page.locator("[popovertarget=tenants]")).to_contain_text(tenant.name)
    page.locator("[popovertarget=tenants]").press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Acme")).to_be_focused()
    page.get_by_role("link", name="All tenants").click()
    expect(page.get_by_role("rowheader", name="Globex")).to_contain_text("you are here")


def test_a_phone_finds_the_search(enter: Callable[..., Page]) -> None:
    page = enter("phone")
    page.locator(".topbar").get_by_role("link", name="Search").click()
    page.locator("main").get_by_role("searchbox").fill("audit")
    page.keyboard.press("Enter")
    page.get_by_role("main").get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Audit log")


def test_saving_a_long_form_stays_under_the_thumb_on_a_phone(
    enter: Callable[..., Page], things: dict[str, str]
) -> None:
    page = enter("phone")
    for path, words in (
        ("/subscriptions/{subscription}", "Save subscription"),
        ("/schedules/{schedule}", "Save schedule"),
        ("/endpoints/{endpoint}", "Save endpoint"),
    ):
        page.goto(path.format(**things))
        save = page.get_by_role("button", name=words)
        expect(save).to_have_count(1)
        expect(save).to_be_in_viewport()
    page.get_by_label("Path", exact=True).first.fill("shop/:shop/parcels")
    save.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
