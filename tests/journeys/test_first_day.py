"""A newcomer's first minutes, in a real browser: sign in, find their language and theme, invite a colleague, sign out."""

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from services import demo

pytestmark = pytest.mark.browser


@pytest.fixture
def page(app: Flask, new_page: Callable[..., Page], address: str) -> Page:
    with app.app_context():
        demo.seed()
    page = new_page(base_url=address, viewport={"width": 1440, "height": 900}, color_scheme="light", locale="en-GB")
    page.on(
        "console", lambda message: blocked.append(message.text) if "Content Security Policy" in message.text else None
    )
    blocked: list[str] = []
    page.blocked = blocked  # type: ignore[attr-defined]
    return page


def test_sign_in_language_theme_sign_out(page: Page) -> None:
    page.goto("/audit")
    page.locator("[data-fill-email='admin@acme.test']").click()
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Audit log")

    for language, heading in (("uz", "Amallar jurnali"), ("ru", "Журнал действий"), ("en", "Audit log")):
        page.evaluate(
            """language => {
                const form = [...document.forms].find(form => form.action.endsWith("/preferences/language"));
                const field = form.querySelector(`[name=language][value=${language}]`) || form.querySelector("[name=language]");
                if (field.tagName === "BUTTON") field.click();
                else { field.value = language; form.requestSubmit(); }
            }""",
            language,
        )
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)

    page.get_by_role("button", name="account of").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/audit")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.blocked == []  # type: ignore[attr-defined]


def test_an_invited_colleague_gets_in(page: Page, browser: Browser, address: str) -> None:
    page.goto("/users/invite")
    page.locator("[data-fill-email='admin@acme.test']").click()
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Invite")).to_be_visible()  # the page before has an e-mail as well
    page.get_by_label("E-mail").fill("not an address")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.get_by_label("E-mail").fill("nodira@acme.test")
    page.get_by_role("button", name="Invite").click()
    link = page.locator("#secret").inner_text()

    colleague = browser.new_context(base_url=address, locale="en-GB").new_page()
    colleague.goto(link)
    colleague.get_by_label("New password", exact=False).first.fill("a calm green river")
    colleague.get_by_label("New password again").fill("a calm green river")
    colleague.locator("main form button[type=submit]").last.click()
    expect(colleague.get_by_role("heading", level=1)).to_contain_text("Welcome")
    colleague.context.close()
