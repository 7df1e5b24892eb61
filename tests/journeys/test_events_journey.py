"""From a subscription to a fixed dead letter, in a real browser, with a real relay, queue and worker."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from models import db
from models.tenancy import as_tenant
from services import process, scripts
from services.events import publish
from services.scripts import Changes
from settings import Settings
from tests.conftest import Person
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("database", ["sqlite"])]


@pytest.fixture
def stack(app: Flask, settings: Settings, redis_url: str) -> Iterator[Stack]:
    made = Stack(
        {"DATA_DIR": str(settings.data_dir), "REDIS_URL": redis_url, "LOG_LEVEL": "WARNING"}, settings.data_dir / "log"
    )
    for command in ("scheduler", "worker"):
        made.start(command)
    yield made
    made.stop()
    process.close(app)


@pytest.fixture
def page(signed_in: Callable[..., Page], alice: Person) -> Page:
    page = signed_in(alice, locale="en-GB")
    page.errors = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.errors.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda line: page.errors.append(line.text) if line.type == "error" else None)  # type: ignore[attr-defined]
    return page


def test_subscribe_filter_send_break_fix_replay(app: Flask, alice: Person, page: Page, stack: Stack) -> None:
    author = alice.principal
    with app.app_context(), as_tenant(db.session, author.tenant.id):
        script = scripts.create(author, Changes(name="Price new orders", source="return context.event.data.client;"))
        for total in (50, 150, 250):
            publish(author, "order.created", {"total": total, "client": "Навруз"})

    subscribe(page, f"/scripts/{script.id}/triggers")

    page.goto("/events")
    newest = page.locator("#events tbody tr").first
    expect(newest).to_contain_text("nobody took it")
    with app.app_context(), as_tenant(db.session, author.tenant.id):
        publish(author, "order.created", {"total": 900, "client": "Чорсу"})  # elsewhere: the page shows it by itself
    expect(newest.locator("[data-status=succeeded]")).to_be_visible()

    rewrite(page, f"/scripts/{script.id}", "throw new sdk.Fatal('order has no client');")
    send(page, '{"total": 901, "client": "Мебель"}')
    expect(page.locator("#outcome [data-status=failed]").first).to_be_visible()
    page.get_by_role("link", name="Dead letters").click()
    expect(page.locator("#groups")).to_contain_text("order has no client")
    page.locator("section table").get_by_role("link", name="order.created").click()
    page.wait_for_url("**/dead-letters/*-*")
    letter = page.url
    rewrite(
        page,
        page.get_by_role("link", name="Open script").get_attribute("href") or "",
        "return context.event.data.client;",
    )

    page.goto(letter)
    page.get_by_role("button", name="Replay on current v").click()
    expect(page.locator("#report[data-status=succeeded]")).to_be_visible()
    expect(page.locator("#result")).to_contain_text("Мебель")
    expect(page.locator("#chain .cause")).to_have_count(3)  # the event, the run that failed, this one
    page.goto("/dead-letters")
    expect(page.get_by_text("No dead letters")).to_be_visible()
    assert page.errors == []  # type: ignore[attr-defined]


def subscribe(page: Page, address: str) -> None:
    """With a filter, and a look at why a past event would not pass it."""
    page.goto(address)
    page.get_by_role("link", name="New subscription").click()
    page.get_by_label("Event type").fill("order.created")
    page.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_label("Field").fill("data.total")
    page.get_by_label("Operator").select_option("gte")
    page.get_by_label("Value", exact=True).fill("100")
    page.keyboard.press("Tab")
    expect(page.locator("[data-matched]")).to_have_text("2")
    expect(page.get_by_label("Value", exact=True)).to_have_value("100")
    expect(page.get_by_label("The filter as JSON")).to_contain_text('"op": "gte", "value": 100')
    page.get_by_label("Past event", exact=True).select_option(index=2)
    expect(page.get_by_role("heading", name="Why this event does not match")).to_be_visible()
    expect(page.locator(".explain")).to_contain_text("50")
    page.get_by_role("button", name="Save subscription").click()
    expect(page.locator("#subscriptions")).to_contain_text("order.created")


def rewrite(page: Page, address: str, source: str) -> None:
    """The whole code, in the editor."""
    page.goto(address)
    expect(page.locator("[data-editor][data-ready]").first).to_be_visible()
    version = page.locator("[data-version]").first
    before = version.inner_text()
    page.locator(".monaco-editor").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Control+s")
    expect(version).not_to_have_text(before)


def send(page: Page, data: str) -> None:
    page.goto("/events/new?type=order.created")
    page.get_by_label("Data (JSON)").fill(data)
    page.get_by_role("button", name="Publish the event").click()
    expect(page.get_by_role("heading", name="order.created")).to_be_visible()
