"""What a reader does while an answer is on its way counts, and an answer that comes late disturbs nobody."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Dialog, Page, expect

from models import Script, db
from models.tenancy import as_tenant
from services import events, process, scripts
from services.scripts import Changes
from tests.conftest import Person
from tests.support.held import Held

pytestmark = pytest.mark.browser


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def script(app: Flask, alice: Person) -> Iterator[Script]:
    needed = [{"name": "limit", "type": "integer", "required": True}]
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        yield scripts.create(alice.principal, Changes(name="Greet", source="return 1;", parameters=needed))
    process.close(app)


@pytest.fixture
def page(signed_in: Callable[..., Page], alice: Person) -> Page:
    return signed_in(alice, locale="en")


def test_a_page_that_has_arrived_takes_keys_at_once(page: Page, script: Script) -> None:
    page.add_init_script(
        """const { setTimeout } = window;
        window.setTimeout = (deed, ms, ...rest) => setTimeout(deed, ms || 2000, ...rest); // a page with much to do is late
        document.addEventListener('DOMContentLoaded', () => { window.asleep = document.querySelectorAll('[hx-post]:not([data-htmx-powered])').length; })"""
    )
    page.goto(f"/scripts/{script.id}")
    assert page.evaluate("window.asleep") == 0


def test_a_list_that_looks_for_news_leaves_the_cursor_alone(page: Page, script: Script) -> None:
    page.goto(f"/scripts/{script.id}")
    page.get_by_role("button", name="Execute").click()
    expect(page.get_by_label("limit")).to_be_focused()
    page.get_by_label("What changed").click()
    with page.expect_response("**/executions"):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('runStarted'))")
    expect(page.locator("#runs")).not_to_have_class("htmx-request")
    page.keyboard.type("mine")
    expect(page.get_by_label("What changed")).to_have_value("mine")
    expect(page.get_by_label("limit")).to_have_value("")


def test_of_two_themes_the_one_chosen_last_stays(page: Page) -> None:
    page.goto("/")
    held = Held(page, "**/preferences/theme")
    switch = page.get_by_role("button", name="Switch theme")
    switch.click()  # system → light
    held.expect(1)
    switch.click()  # light → dark
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.evaluate("fetch('/health/live').then((answer) => answer.text())")
    held.expect(1)  # the second is sent when the first was heard: together they could arrive in another order
    held.let_go()
    page.wait_for_function(
        "fetch('/').then((answer) => answer.text()).then((text) => text.includes('data-theme=\"dark\"'))"
    )


def test_a_chosen_filter_outlives_a_look_for_news(page: Page, script: Script) -> None:
    page.goto(f"/scripts/{script.id}")
    runs = page.locator("#runs")
    expect(runs.get_by_role("link", name="All", exact=True)).to_be_visible()
    held = Held(page, "**/executions")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('runStarted'))")
    held.expect(1)
    runs.get_by_role("link", name="Unsuccessful").click()
    chosen = runs.locator("[aria-current=true]")
    expect(chosen).to_have_text("Unsuccessful")
    with page.expect_response("**/executions"):
        held.let_go()
    expect(page.locator("#runs")).not_to_have_class("htmx-request")
    expect(chosen).to_have_text("Unsuccessful")


def test_a_switch_pressed_twice_shows_what_is_so(page: Page, script: Script) -> None:
    page.goto("/scripts")
    switch = page.get_by_role("switch", name="Greet: enabled")
    held = Held(page, "**/switch")
    switch.press("Space")
    held.expect(1)
    switch.press("Space")
    with page.expect_response("**/switch"):
        held.let_go()
    expect(page.locator("form.htmx-request")).to_have_count(0)
    expect(switch).to_be_checked()
    expect(switch).to_be_focused()
    page.reload()
    expect(switch).to_be_checked()


def test_what_is_changed_while_a_filter_is_looked_at_is_looked_at_too(
    app: Flask, alice: Person, page: Page, script: Script
) -> None:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        for total in (50, 150):
            events.publish(alice.principal, "order.created", {"total": total})
    page.goto(f"/scripts/{script.id}/subscriptions/new?type=order.created")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_label("Field").fill("data.totl")
    held = Held(page, "**/subscriptions")
    page.keyboard.press("Tab")
    held.expect(1)
    page.get_by_label("Field").fill("data.total")
    page.get_by_label("Operator").select_option("gte")
    page.get_by_label("Value", exact=True).fill("100")
    page.keyboard.press("Tab")
    page.wait_for_timeout(300)  # longer than the pause before a look
    held.let_go()
    expect(page.locator("[data-matched]")).to_have_text("1")
    expect(page.get_by_label("Field")).to_have_value("data.total")
    expect(page.get_by_label("Value", exact=True)).to_have_value("100")


def test_of_two_conditions_the_one_that_was_not_removed_remains(page: Page, script: Script) -> None:
    page.goto(f"/scripts/{script.id}/subscriptions/new?type=order.created")
    fields, operators = page.get_by_label("Field"), page.get_by_label("Operator")
    for count in (1, 2):
        page.get_by_role("button", name="Condition", exact=True).click()
        expect(fields).to_have_count(count)
    fields.first.fill("data.total")
    operators.first.select_option("gte")
    page.get_by_role("button", name="Remove this condition").first.click()
    expect(fields).to_have_count(1)
    expect(fields).not_to_have_value("data.total")
    expect(operators).to_have_value("eq")


def test_each_press_adds_a_line_however_quick(page: Page, script: Script) -> None:
    page.goto(f"/scripts/{script.id}/subscriptions/new?type=order.created")
    fields = page.get_by_label("Field")
    held = Held(page, "**/subscriptions")
    page.get_by_role("button", name="Condition", exact=True).click()
    held.expect(1)
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_role("button", name="Group", exact=True).click()
    held.let_go()
    expect(fields).to_have_count(3)
    expect(page.locator(".filter-group")).to_have_count(2)
    fields.first.fill("data.total")
    page.get_by_role("button", name="Remove this condition").first.dblclick()
    expect(fields).to_have_count(2)
    expect(fields.first).to_have_value("data.")
    page.get_by_role("button", name="Remove this group").press("Enter")
    expect(fields).to_have_count(1)
    expect(page.get_by_role("button", name="Condition", exact=True)).to_be_focused()


def test_a_filter_that_was_only_looked_at_is_not_left_by_accident(page: Page, script: Script) -> None:
    asked = list[str]()

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.goto(f"/scripts/{script.id}/subscriptions/new")
    page.get_by_label("Event type").fill("order.created")
    with page.expect_response("**/subscriptions"):
        page.keyboard.press("Tab")
    expect(page.locator(".stack[aria-live]")).to_contain_text("No event of this type")
    page.get_by_label("Also on events").focus()
    page.get_by_role("link", name="Cancel").click()
    assert asked == ["beforeunload"]


def test_who_stays_may_send_the_form_again(page: Page, script: Script) -> None:
    leave = list[bool]([False, True])
    page.on("dialog", lambda dialog: dialog.accept() if leave.pop(0) else dialog.dismiss())
    page.goto("/profile")
    page.get_by_label("First name").fill("Alisa")
    language = page.locator("form[action$='/preferences/language']")
    for _ in range(2):
        language.first.evaluate("form => form.requestSubmit(form.querySelector('button[value=ru]'))")
        expect(page.locator("form[data-sending]")).to_have_count(0)
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    assert leave == []


def test_a_double_click_executes_once(page: Page, script: Script) -> None:
    page.goto(f"/scripts/{script.id}")
    page.get_by_label("limit").fill("7")
    page.get_by_role("button", name="Execute").dblclick()
    expect(page.locator("#run-panel")).to_contain_text("Succeeded")
    rows = page.locator("#runs tbody tr")
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1)
