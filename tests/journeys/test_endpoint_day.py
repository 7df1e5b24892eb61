"""An endpoint from nothing to its first caller and its run, in a real browser with the real engine."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from models import Script, db
from models.tenancy import as_tenant
from services import process, scripts, secrets
from tests.conftest import Person

pytestmark = pytest.mark.browser


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def script(app: Flask, alice: Person) -> Iterator[Script]:
    source = "const { total } = context.request.body;\nreturn { status: 201, body: { order: context.request.params.id, total } };"
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        secrets.create(alice.principal, "shop_key", "what only the shop and we know")
        yield scripts.create(alice.principal, scripts.Changes(name="Take orders", source=source))
    process.close(app)


def test_an_endpoint_is_made_called_and_its_run_is_seen(
    script: Script, signed_in: Callable[..., Page], alice: Person, address: str
) -> None:
    page = signed_in(alice, locale="en")
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.goto(f"/scripts/{script.id}/triggers")
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("Path").fill("orders/:id")
    expect(page.locator(".endpoint-signature")).to_be_hidden()
    page.get_by_text("The sender signs the body").click()
    page.get_by_label("Sender", exact=True).select_option("github")
    page.get_by_label("Secret", exact=True).fill("shop_key")
    page.get_by_text("How this sender signs").click()
    expect(page.get_by_label("Header with the signature")).to_have_value("X-Hub-Signature-256")
    page.get_by_role("button", name="Save endpoint").click()

    expect(page.locator("#address-text")).to_have_text(f"{address}/hooks/acme/orders/:id")
    expect(page.locator("#curl")).to_contain_text("X-Hub-Signature-256: $SIGNATURE")
    console = page.locator("#console")
    console.get_by_label("Path").fill("orders/17")
    console.get_by_label("Body", exact=True).fill('{"total": 99}')
    console.get_by_role("button", name="Send the request").click()
    expect(page.locator("#answer")).to_contain_text('{"order":"17","total":99}')
    expect(page.locator("[data-answered]")).to_contain_text("201")
    expect(page.locator("#requests")).to_contain_text("POST /orders/17")
    page.locator("#answer").get_by_role("link", name="Open the run").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Take orders")
    expect(page.locator("#request")).to_contain_text("orders/17")
    assert complaints == []
