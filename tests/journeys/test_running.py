"""Watching a script run, stopping it, and running it again, in a real browser with the real engine."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from models import Script, Tenant, db
from models.tenancy import as_tenant
from services import executions, process, scripts
from services.scripts import Changes
from tests.conftest import Person

pytestmark = pytest.mark.browser

UNTIL_TOLD = """
for (let n = 1; n <= 3; n++) { console.log(`step ${n}`); await sdk.sleep(700); }
while (!(await sdk.cache.shared.get('go on'))) await sdk.sleep(200);
console.log('step 4');
return 'arrived';
"""
FOR_EVER = "while (true) { await sdk.sleep(100) }\n"


@pytest.fixture
def write(app: Flask, alice: Person, acme: Tenant) -> Callable[..., Script]:
    def make(source: str, name: str = "A long way") -> Script:
        limits = {"max_api_calls": 1000, "timeout_ms": 120_000}
        with app.app_context(), as_tenant(db.session, acme.id):
            return scripts.create(alice.principal, Changes(name=name, source=source, limits=limits))

    return make


@pytest.fixture
def tell(app: Flask, alice: Person, acme: Tenant, write: Callable[..., Script]) -> Callable[[], None]:
    """Lets the run that waits for it go on."""

    def run_another() -> None:
        script = write("await sdk.cache.shared.set('go on', true)", name="Tell")
        with app.app_context(), as_tenant(db.session, acme.id):
            executions.wait_for(alice.principal, executions.start(alice.principal, script.id).id, 30)

    return run_another


@pytest.fixture
def page(app: Flask, alice: Person, signed_in: Callable[..., Page]) -> Iterator[Page]:
    yield signed_in(alice)
    process.close(app)


def test_lines_appear_as_they_are_written_and_then_the_answer(
    page: Page, write: Callable[..., Script], tell: Callable[[], None]
) -> None:
    page.goto(f"/scripts/{write(UNTIL_TOLD).id}")
    page.keyboard.press("Control+Enter")
    panel = page.locator("#run-panel")

    expect(panel.get_by_text("step 1")).to_be_visible()
    expect(panel.get_by_text("step 3")).to_be_visible()
    expect(panel.get_by_role("progressbar")).to_be_visible()
    assert panel.locator("[data-run]").get_attribute("data-status") == "running"
    assert panel.get_by_text("step 4").count() == 0

    tell()
    expect(panel.locator("[data-run][data-status=succeeded]")).to_be_visible()
    expect(panel.get_by_text("step 4")).to_be_visible()
    expect(panel.get_by_text('"arrived"').first).to_be_visible()
    assert panel.get_by_role("button", name="Stop").count() == 0
    expect(page.locator("#runs").get_by_text("Succeeded").first).to_be_visible()


def test_a_run_is_stopped_and_repeated(page: Page, write: Callable[..., Script]) -> None:
    page.goto(f"/scripts/{write(FOR_EVER).id}")
    page.keyboard.press("Control+Enter")
    panel = page.locator("#run-panel")
    panel.get_by_role("button", name="Stop").click()

    expect(panel.locator("[data-run][data-status=cancelled]")).to_be_visible()

    panel.get_by_role("heading").get_by_role("link").first.click()
    page.get_by_role("button", name="Run again").click()
    report = page.locator("#report")
    expect(report).to_have_attribute("data-status", "running")
    report.get_by_role("button", name="Stop").click()
    expect(report).to_have_attribute("data-status", "cancelled")


def test_a_failure_leads_to_its_line(page: Page, write: Callable[..., Script]) -> None:
    page.goto(f"/scripts/{write('const a = null;' + chr(10) + 'return a.b').id}")
    page.keyboard.press("Control+Enter")
    page.locator("#run-panel [data-goto-line]").first.click()

    expect(page.locator(".monaco-editor.focused").first).to_be_visible()
    page.locator("#run-panel").get_by_role("heading").get_by_role("link").first.click()
    expect(page.get_by_role("link", name="Fix in editor")).to_have_attribute("href", re.compile("#L2$"))
