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
from tests.conftest import PASSWORD, Person
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
def page(new_page: Callable[..., Page], address: str, alice: Person) -> Page:
    page = new_page(base_url=address, viewport={"width": 1440, "height": 900}, locale="en-GB")
    page.errors = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.errors.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda line: page.errors.append(line.text) if line.type == "error" else None)  # type: ignore[attr-defined]
    page.goto("/events")
    page.fill("[name=email]", alice.email)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Event log")).to_be_visible()
    return page


def test_subscribe_filter_send_break_fix_replay(app: Flask, alice: Person, page: Page, stack: Stack) -> None:
    author = alice.principal
    with app.app_context(), as_tenant(db.session, author.tenant.id):
        source = "if (!context.event.data.client) throw new sdk.Fatal('order has no client');\nreturn context.event.data.client;"
        script = scripts.create(author, Changes(name="Price new orders", source=source))
        for total in (50, 150, 250):
            publish(author, "order.created", {"total": total, "client": "Навруз"})

    page.goto(f"/scripts/{script.id}/triggers")
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

    send(page, '{"total": 900, "client": "Чорсу"}')
    expect(page.locator("#outcome [data-status=succeeded]").first).to_be_visible(timeout=30_000)

    page.goto("/events")
    expect(page.locator("#events tbody tr").first).to_contain_text("order.created")

    send(page, '{"total": 901}')
    expect(page.locator("#outcome [data-status=failed]").first).to_be_visible(timeout=30_000)
    page.goto("/dead-letters")
    expect(page.locator("#groups")).to_contain_text("order has no client")
    page.locator("section table").get_by_role("link", name="order.created").click()
    page.get_by_label("Data (JSON)").fill('{"total": 901, "client": "Мебель"}')
    page.get_by_role("button", name="Deliver the corrected data").click()
    expect(page.locator("#report[data-status=succeeded]")).to_be_visible(timeout=30_000)
    expect(page.locator("#result")).to_contain_text("Мебель")
    page.goto("/dead-letters")
    expect(page.get_by_text("No dead letters")).to_be_visible()
    assert page.errors == []  # type: ignore[attr-defined]


def send(page: Page, data: str) -> None:
    page.goto("/events/new?type=order.created")
    page.get_by_label("Data (JSON)").fill(data)
    page.get_by_role("button", name="Publish the event").click()
    expect(page.get_by_role("heading", name="order.created")).to_be_visible()
