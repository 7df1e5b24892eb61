"""The parts of the authoring pages in a real browser: input as form or JSON, rows of parameters, results of a run."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Person

pytestmark = pytest.mark.browser


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def parts(signed_in: Callable[..., Page], alice: Person) -> Callable[..., Page]:
    def enter(**options: object) -> Page:
        page = signed_in(alice, **options)
        page.goto("/dev/components")
        return page

    return enter


def choose(page: Page, word: str) -> None:
    page.locator("#input-sample .segments-choice label", has_text=word).click()


def test_what_was_typed_goes_from_form_to_json_and_back(parts: Callable[..., Page]) -> None:
    page = parts()
    page.get_by_label("limit", exact=True).fill("20")
    page.get_by_label("dryRun").check()
    choose(page, "JSON")
    raw = page.get_by_label("Input as JSON")
    assert '"limit": 20' in raw.input_value() and '"dryRun": true' in raw.input_value()
    expect(page.get_by_label("limit", exact=True)).to_be_hidden()

    raw.fill('{"limit": 30, "filter": {"status": "new"}}')
    choose(page, "Form")
    expect(page.get_by_label("limit", exact=True)).to_have_value("30")
    expect(page.get_by_label("dryRun")).not_to_be_checked()
    assert '"status": "new"' in page.locator("#input-filter").input_value()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "This is not JSON."), ("[1]", "needs a JSON object"), ('{"more": 1}', "no field for: more")],
)
def test_json_that_the_form_cannot_hold_stays_json(parts: Callable[..., Page], text: str, complaint: str) -> None:
    page = parts()
    choose(page, "JSON")
    raw = page.get_by_label("Input as JSON")
    raw.fill(text)
    choose(page, "Form")
    expect(page.locator("#input-sample [role=alert]")).to_contain_text(complaint)
    expect(raw).to_be_focused()
    expect(raw).to_have_value(text)


def test_without_scripts_the_choice_still_shows_the_right_fields(parts: Callable[..., Page]) -> None:
    page = parts(java_script_enabled=False)
    choose(page, "JSON")
    expect(page.get_by_label("Input as JSON")).to_be_visible()
    expect(page.locator("#input-limit")).to_be_hidden()
    expect(page.locator('#editor-sample [name="parameters-0-order"]')).to_be_visible()
    expect(page.locator('#editor-sample [name="parameters-2-name"]')).to_be_visible()


def test_parameters_are_added_moved_and_removed_by_keyboard(parts: Callable[..., Page]) -> None:
    page = parts()
    editor = page.locator("#editor-sample")
    editor.get_by_role("button", name="Add a parameter").press("Enter")
    added = editor.locator('[name="parameters-2-name"]')
    expect(added).to_be_focused()
    added.fill("city")
    row = editor.locator("[data-parameter]").nth(2)
    expect(row.get_by_label("Pattern")).to_be_visible()
    row.get_by_label("Type").select_option("date")
    expect(row.get_by_label("Pattern")).to_be_hidden()
    row.get_by_role("button", name="Move up").press("Enter")
    assert [box.input_value() for box in editor.locator('[name$="-order"]').all()] == ["1", "2", "3"]
    expect(editor.locator("[data-parameter]").nth(1).get_by_label("Name")).to_have_value("city")
    editor.locator("[data-parameter]").nth(1).get_by_role("button", name="Remove").press("Enter")
    expect(editor.locator("[data-parameter]")).to_have_count(2)
    expect(editor.locator('[name="parameters-1-name"]')).to_be_focused()


def test_a_frame_of_the_stack_asks_the_editor_to_go_there(parts: Callable[..., Page]) -> None:
    page = parts()
    page.evaluate("document.addEventListener('dastgoh:goto', (event) => { window.wanted = event.detail; })")
    page.get_by_role("button", name="line 23, column 9").click()
    assert page.evaluate("window.wanted") == {"line": 23, "column": 9}


def test_a_log_shows_the_chosen_level_and_what_is_worse(parts: Callable[..., Page]) -> None:
    page = parts()
    log = page.locator("#log")
    log.locator("label", has_text="Warn").click()
    expect(log.locator(".log-info")).to_be_hidden()
    expect(log.locator(".log-warn")).to_be_visible()
    expect(log.locator(".log-dropped")).to_be_visible()
    log.get_by_label("Error").press("ArrowLeft")
    log.get_by_label("All").press("Space")
    expect(log.locator(".log-debug")).to_be_visible()
