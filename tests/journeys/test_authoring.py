"""An author's day at the page of a script, in a real browser with the real engine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from models import Script, db
from models.tenancy import as_tenant
from services import process, scripts
from services.scripts import Changes
from tests.conftest import PASSWORD, Person
from tests.support.held import Held

pytestmark = pytest.mark.browser
# The heart of the day is tried on both; what concerns the browser alone need not be.
on_one_database = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

SOURCE = "const { name = 'world' } = context.input ?? {};\nreturn { hello: name };\n"


class Author:
    """Somebody at the page of a script, with hands on its keyboard."""

    def __init__(self, page: Page) -> None:
        self.page, self.complaints = page, list[str]()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if "Content Security" in line.text else None)

    def open(self, path: str) -> "Author":
        self.page.goto(path)
        expect(self.page.locator("[data-editor][data-ready]").first).to_be_visible()
        return self

    def write(self, text: str) -> None:
        """In place of all there is. Inserted in one go: typing would close brackets by itself."""
        self.page.locator(".monaco-editor").first.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    @property
    def code(self) -> str:
        return self.page.locator("#source").input_value()

    @property
    def panel(self) -> Locator:
        return self.page.locator("#run-panel")

    @property
    def refusal(self) -> Locator:
        return self.page.locator(".save-refused")

    def save(self) -> None:
        self.page.keyboard.press("Control+s")

    def expect_version(self, number: int) -> None:
        expect(self.page.locator("[data-version]").first).to_have_text(f"v{number}")


@pytest.fixture
def served(app: Flask, address: str) -> Iterator[str]:
    yield address
    process.close(app)


@pytest.fixture
def sit_down(signed_in: Callable[..., Page], served: str) -> Callable[..., Author]:
    def enter(who: Person, width: int = 1440, height: int = 900, **options: Any) -> Author:
        return Author(signed_in(who, viewport={"width": width, "height": height}, **options))

    return enter


@pytest.fixture
def script(app: Flask, alice: Person) -> Script:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        return scripts.create(alice.principal, Changes(name="Greet", source=SOURCE))


@pytest.fixture
def meanwhile(app: Flask, alice: Person, script: Script) -> Callable[..., None]:
    """Somebody else changes the script, elsewhere."""

    def change(**changes: Any) -> None:
        with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
            scripts.save(alice.principal, script.id, Changes(**changes), note="from elsewhere")

    return change


def test_a_script_is_written_saved_executed_compared_and_restored(
    sit_down: Callable[..., Author], alice: Person
) -> None:
    author = sit_down(alice).open("/scripts/new")
    page = author.page
    page.get_by_label("Name").fill("Count to five")
    author.write("const five = 5;\nreturn five")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Count to five")
    author.expect_version(1)
    expect(page.locator("[data-editor][data-ready]").first).to_be_visible()

    page.locator(".monaco-editor").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("sdk.cryp")
    expect(page.locator(".suggest-widget .monaco-list-row").filter(has_text="crypto").first).to_be_visible()
    page.keyboard.press("Escape")
    author.write("return );")
    expect(page.locator("[data-editor-problems-text]")).to_contain_text("Errors")
    author.write("return { five: 5, six: context.input?.six };")
    expect(page.locator("[data-editor-problems-text]")).to_have_text("No problems")
    page.get_by_label("What changed").fill("Six as well")
    page.locator(".monaco-editor").first.click()
    author.save()
    author.expect_version(2)
    expect(page.locator("[data-unsaved]")).to_be_hidden()
    expect(page.locator("#latest")).to_contain_text("Six as well")
    expect(page.get_by_label("What changed")).to_have_value("")

    page.get_by_label("Input as JSON").fill('{"six": 6}')
    page.locator(".monaco-editor").first.click()
    page.keyboard.press("Control+Enter")
    expect(author.panel).to_contain_text("Succeeded")
    expect(author.panel).to_contain_text("six")

    page.get_by_role("link", name="Compare v2").click()
    expect(page.get_by_role("heading", name="Code")).to_be_visible()
    expect(page).to_have_title("v1 → v2 · Count to five · Dastgoh")
    page.get_by_role("link", name="Restore v1…").click()
    page.get_by_label("Why").fill("five was enough")
    page.get_by_role("button", name="Restore as v3").click()
    author.expect_version(3)
    assert author.code.rstrip("\n") == "const five = 5;\nreturn five"
    expect(page.locator("#latest")).to_contain_text("five was enough")
    assert author.complaints == []


def test_unsaved_code_runs_as_a_test_and_survives_a_reload(
    sit_down: Callable[..., Author], alice: Person, script: Script
) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    page = author.page
    author.write("return 'not saved yet';")
    expect(page.locator("[data-unsaved]")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(author.panel).to_contain_text("not saved yet")
    expect(author.panel).to_contain_text("unsaved code")
    author.expect_version(1)

    page.on("dialog", lambda dialog: dialog.accept())
    page.wait_for_timeout(400)  # drafts are written when the typist pauses
    page.reload()
    offer = page.locator("[data-editor-offer]")
    expect(offer).to_be_visible()
    assert author.code == SOURCE
    offer.get_by_role("button", name="Restore unsaved changes").click()
    assert author.code == "return 'not saved yet';"


def test_a_conflict_shows_both_and_loses_neither(
    sit_down: Callable[..., Author], alice: Person, script: Script, meanwhile: Callable[..., None]
) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    author.write("return 'mine';")
    meanwhile(source="return 'theirs';")
    author.save()
    expect(author.refusal).to_contain_text("Somebody saved version 2 meanwhile")
    expect(author.refusal).to_be_focused()
    expect(author.refusal).to_contain_text("Theirs, version 2")
    assert author.code == "return 'mine';"

    author.page.locator(".monaco-editor").first.click()
    shown = author.refusal.element_handle()
    author.save()  # a second press is no decision, and leaves the buttons where they are
    expect(author.refusal).to_be_focused()
    assert shown.is_visible()
    author.page.get_by_role("button", name="Save mine as the newest version").click()
    author.expect_version(3)
    expect(author.refusal).to_have_count(0)
    expect(author.page.locator("[data-unsaved]")).to_be_hidden()


@on_one_database
def test_taking_theirs_can_be_undone(
    sit_down: Callable[..., Author], alice: Person, script: Script, meanwhile: Callable[..., None]
) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    author.write("return 'mine';")
    meanwhile(source="return 'theirs';")
    author.save()
    author.page.get_by_role("link", name="Take theirs").click()
    assert author.code == "return 'theirs';"
    author.expect_version(2)
    expect(author.page.locator("#latest")).to_contain_text("from elsewhere")
    author.page.locator(".monaco-editor").first.click()
    author.page.keyboard.press("Control+z")
    assert author.code == "return 'mine';"
    author.save()
    author.expect_version(3)


@on_one_database
def test_who_only_changes_limits_is_in_nobodys_way(
    sit_down: Callable[..., Author], alice: Person, script: Script, meanwhile: Callable[..., None]
) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    author.write("return 'mine';")
    meanwhile(limits={"timeout_ms": 5000})
    author.save()
    author.expect_version(3)


@on_one_database
def test_a_syntax_error_asks_before_it_disables(sit_down: Callable[..., Author], alice: Person, script: Script) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    author.write("return );")
    author.save()
    expect(author.refusal).to_contain_text("saving it like this disables it")
    author.expect_version(1)
    author.page.get_by_role("button", name="Save and disable").click()
    author.expect_version(2)
    expect(author.page.locator("#script-head")).to_contain_text("Disabled")
    expect(author.page.locator("#script-head")).to_contain_text("Syntax error")


@on_one_database
def test_a_decision_made_while_a_save_is_under_way_counts(
    sit_down: Callable[..., Author], alice: Person, script: Script
) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    author.write("return );")
    author.save()
    button = author.page.get_by_role("button", name="Save and disable")
    expect(button).to_be_visible()
    held = Held(author.page, f"**/scripts/{script.id}")
    author.save()
    held.expect(1)
    button.click()
    held.let_go()
    author.expect_version(2)
    expect(author.page.locator("#script-head")).to_contain_text("Disabled")


@on_one_database
def test_what_is_saved_while_a_save_is_under_way_is_saved_too(
    sit_down: Callable[..., Author], alice: Person, script: Script
) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    held = Held(author.page, f"**/scripts/{script.id}")
    author.write("return 1;")
    author.save()
    held.expect(1)
    author.write("return 2;")
    author.save()
    held.let_go()
    author.expect_version(3)
    expect(author.page.locator("[data-unsaved]")).to_be_hidden()


@on_one_database
def test_an_ended_session_loses_nothing(sit_down: Callable[..., Author], alice: Person, script: Script) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    page = author.page
    author.write("return 'written for an hour';")
    page.wait_for_timeout(400)
    page.context.clear_cookies()
    author.save()
    page.wait_for_url("**/sign-in?next=**")
    page.locator("[name=email]").fill(alice.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    expect(page.locator("[data-editor-offer]")).to_be_visible()
    page.get_by_role("button", name="Restore unsaved changes").first.click()
    assert author.code == "return 'written for an hour';"
    author.page.locator(".monaco-editor").first.click()
    author.save()
    author.expect_version(2)


@on_one_database
def test_a_failing_server_is_said_and_the_form_stays(
    sit_down: Callable[..., Author], alice: Person, script: Script
) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    author.page.route(f"**/scripts/{script.id}", lambda route: route.fulfill(status=503, body="away"))
    author.write("return 1;")
    author.save()
    expect(author.page.locator("#toasts .toast-error")).to_be_visible()
    author.page.unroute(f"**/scripts/{script.id}")
    author.save()
    author.expect_version(2)


@on_one_database
def test_an_input_that_does_not_fit_is_marked_at_its_field(
    sit_down: Callable[..., Author], alice: Person, script: Script, meanwhile: Callable[..., None]
) -> None:
    meanwhile(parameters=[{"name": "limit", "type": "integer", "required": True}])
    author = sit_down(alice).open(f"/scripts/{script.id}")
    author.page.get_by_role("button", name="Execute").click()
    field = author.page.get_by_label("limit")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    field.fill("7")
    author.page.get_by_role("button", name="Save as sample").click()
    expect(author.page.locator("#toasts")).to_contain_text("sample input is saved")
    expect(author.panel).to_contain_text("Not started")
    author.page.reload()
    expect(author.page.get_by_label("limit")).to_have_value("7")
    author.page.get_by_role("button", name="Execute").click()
    expect(author.panel).to_contain_text("Succeeded")
    author.page.get_by_label("limit").fill("8")
    author.page.get_by_role("button", name="Execute").click()
    expect(author.page.locator("#runs tbody tr")).to_have_count(2)
    expect(author.panel).to_contain_text("Succeeded")
    author.page.get_by_role("button", name="Earlier").click()
    author.page.locator("#earlier-inputs a").nth(1).click()
    expect(author.page.get_by_label("limit")).to_have_value("7")


@on_one_database
def test_the_keyboard_runs_once_from_wherever_it_is(
    sit_down: Callable[..., Author], alice: Person, script: Script
) -> None:
    author = sit_down(alice).open(f"/scripts/{script.id}")
    rows = author.page.locator("#runs tbody tr")
    for times, place in enumerate(("Input as JSON", "What changed"), 1):
        author.page.get_by_label(place).press("Control+Enter")
        expect(author.panel).to_contain_text("Succeeded")
        expect(rows).to_have_count(times)
        author.page.wait_for_timeout(500)  # a second one would be there by now
        expect(rows).to_have_count(times)


@on_one_database
def test_a_phone_saves_and_runs_from_a_plain_field(
    sit_down: Callable[..., Author], alice: Person, script: Script
) -> None:
    author = sit_down(alice, width=390, height=844, has_touch=True)
    page = author.page
    page.goto(f"/scripts/{script.id}")
    page.locator("#source").fill("return 'from a phone';")
    page.get_by_role("button", name="Save", exact=True).click()
    author.expect_version(2)
    page.get_by_role("button", name="Execute").click()
    expect(author.panel).to_contain_text("from a phone")
    expect(author.panel).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@on_one_database
def test_without_scripts_everything_still_works(
    sit_down: Callable[..., Author], alice: Person, script: Script, meanwhile: Callable[..., None]
) -> None:
    author = sit_down(alice, java_script_enabled=False)
    page = author.page
    page.goto(f"/scripts/{script.id}")
    page.locator("#source").fill("return 'plain';")
    page.get_by_role("button", name="Save", exact=True).click()
    author.expect_version(2)
    expect(page.locator("#toasts")).to_contain_text("Version 2 is saved")
    page.locator("#source").fill("return 'mine';")
    meanwhile(source="return 'theirs';")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(author.refusal).to_contain_text("Somebody saved version 3 meanwhile")
    assert author.code == "return 'mine';"
    page.get_by_role("button", name="Save mine as the newest version").click()
    author.expect_version(4)
