"""How the house feels in a real browser: themes, keyboard, dialogs, toasts, and what a screen reader meets."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PASSWORD, Person

AXE = Path("node_modules/axe-core/axe.min.js")
WIDTHS = {"desk": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}
pytestmark = pytest.mark.browser


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def enter(new_page: Callable[..., Page], address: str, alice: Person) -> Callable[..., Page]:
    """A signed-in page; `refused` collects what the Content-Security-Policy blocked and what scripts threw."""

    def open_signed_in(width: str = "desk", theme: str = "light") -> Page:
        size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
        page = new_page(viewport=size, color_scheme=theme, base_url=address)
        page.goto("/sign-in")
        page.get_by_label("E-mail").fill(alice.email)
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
        return page

    return open_signed_in


def complaints(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document)")["violations"]
    return [f"{fault['id']}: {node['target']}" for fault in found for node in fault["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", ["desk", "phone"])
def test_every_reader_can_use_the_pages(enter: Callable[..., Page], width: str, theme: str) -> None:
    page = enter(width, theme)
    refused: list[str] = []
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.on("console", lambda line: refused.append(line.text) if "Content Security Policy" in line.text else None)
    for path in ("/", "/dev/components", "/nowhere"):
        page.goto(path)
        assert complaints(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the window"
    page.context.clear_cookies()
    page.goto("/sign-in")
    assert complaints(page) == []
    assert refused == []


def test_nothing_is_wider_than_a_small_desk(enter: Callable[..., Page]) -> None:
    page = enter("tablet")
    page.goto("/dev/components")
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
