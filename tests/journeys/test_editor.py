"""The code editor in a real browser, as somebody who writes a script meets it; problems come from the real engine."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Dialog, Locator, Page, Route, expect

from services import process
from tests.conftest import Person

AXE = Path("node_modules/axe-core/axe.min.js")
MODELS = """async () => {
  const { monaco } = await import(JSON.parse(document.querySelector('[data-editor]').dataset.assets).monaco);
  const markers = (model) => monaco.editor.getModelMarkers({ resource: model.uri, owner: 'dastgoh' });
  return {
    models: monaco.editor.getModels().length,
    editors: monaco.editor.getEditors().length,
    markers: monaco.editor.getModels().flatMap(markers),
    visible: [...document.querySelectorAll('.editor-host')].length,
  };
}"""
DESCRIBED = """async (word) => {
  const { typescript } = await import(JSON.parse(document.querySelector('[data-editor]').dataset.assets).monaco);
  return Object.values(typescript.javascriptDefaults.getExtraLibs()).some((lib) => lib.content.includes(word));
}"""
pytestmark = pytest.mark.browser


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def served(app: Flask, address: str) -> Iterator[str]:
    yield address
    process.close(app)


class Desk:
    """The page /dev/editor, and hands on its keyboard."""

    def __init__(self, page: Page) -> None:
        self.page, self.refused = page, list[str]()
        page.on("pageerror", lambda error: self.refused.append(str(error)))
        page.on("console", lambda line: self.refused.append(line.text) if line.type == "error" else None)

    def open(self, fragment: str = "") -> "Desk":
        self.page.goto(f"/dev/editor{fragment}")
        return self.ready()

    def ready(self) -> "Desk":
        """The editor stands there and its first problems have been looked for: from then on TypeScript answers."""
        expect(self.page.locator("[data-editor][data-ready=typed]").first).to_be_visible()
        return self

    @property
    def field(self) -> Locator:
        return self.page.locator("#source")

    @property
    def text(self) -> str:
        return self.field.input_value()

    @property
    def status(self) -> Locator:
        return self.page.locator("[data-editor-problems-text]").first

    @property
    def offer(self) -> Locator:
        return self.page.locator("[data-editor-offer]")

    @property
    def suggestions(self) -> Locator:
        return self.page.locator(".suggest-widget .monaco-list-row")

    def send(self, name: str, **detail: Any) -> None:
        self.page.evaluate(
            "([name, detail]) => document.dispatchEvent(new CustomEvent(name, { detail }))",
            [f"dastgoh:{name}", {"id": "source", **detail}],
        )

    def write_at_the_end(self, text: str) -> None:
        self.send("goto", line=999)
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(MODELS)
        return found

    def drafts(self) -> list[dict[str, Any]]:
        kept: str = self.page.evaluate(
            "JSON.stringify(Object.keys(localStorage).filter((key) => key.startsWith('dastgoh:draft:'))"
            ".flatMap((key) => JSON.parse(localStorage[key])))"
        )
        drafts: list[dict[str, Any]] = json.loads(kept)
        return drafts


@pytest.fixture
def desk(signed_in: Callable[..., Page], served: str, alice: Person) -> Callable[..., Desk]:
    def sit_down(width: int = 1440, height: int = 900, **options: Any) -> Desk:
        return Desk(signed_in(alice, viewport={"width": width, "height": height}, **options))

    return sit_down


def wait_until(page: Page, true: Callable[[], bool]) -> None:
    """The page's own policy forbids wait_for_function, which evaluates text."""
    for _ in range(800):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come about")


def test_it_lists_what_a_script_can_call(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.write_at_the_end("sdk.")
    expect(editor.suggestions.filter(has_text="http")).to_be_visible()
    names = {text.split("\n")[0] for text in editor.suggestions.all_inner_texts()}
    assert {"db", "http", "log", "once", "secrets", "sleep"} <= names


@pytest.mark.parametrize(
    ("locale", "words"),
    [("en", "Runs a SELECT"), ("ru", "Выполняет SELECT"), ("uz", "SELECT soʻrovini bajaradi")],
)
def test_it_explains_in_the_readers_language(desk: Callable[..., Desk], locale: str, words: str) -> None:
    editor = desk(locale=locale).open()
    editor.page.locator(".editor-host .view-line span span", has_text=re.compile(r"^query$")).first.hover()
    expect(editor.page.locator(".monaco-hover").filter(has_text=words)).to_be_visible()


def test_its_own_words_are_russian_on_a_russian_page(desk: Callable[..., Desk]) -> None:
    editor = desk(locale="ru").open()
    editor.write_at_the_end("")
    editor.page.keyboard.press("F1")
    expect(editor.page.locator(".quick-input-widget .monaco-list-row").filter(has_text="строк").first).to_be_visible()


def test_it_offers_beginnings_by_either_name(desk: Callable[..., Desk]) -> None:
    editor = desk(locale="ru").open()
    editor.write_at_the_end("cron")
    expect(editor.suggestions.filter(has_text="Задание по расписанию")).to_be_visible()
    editor.page.keyboard.press("Enter")
    wait_until(editor.page, lambda: "const since = new Date(" in editor.text)


def test_it_flags_a_member_that_does_not_exist(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    expect(editor.status).to_have_text("No problems")
    editor.write_at_the_end("sdk.nothing();\n")
    expect(editor.status).to_have_text("Warnings: 1")
    # Whoever types slowly is warned of each beginning of the name as well.
    wait_until(editor.page, lambda: "'nothing' does not exist on type 'Sdk'" in str(editor.state()["markers"]))
    (marker,) = editor.state()["markers"]
    assert (marker["startLineNumber"], marker["startColumn"], marker["endColumn"]) == (15, 5, 12)


def test_it_looks_at_what_a_script_returns(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.send("replace", text="const used = 1;\nconst idle = 2;\nreturn sdk.nothing(used);\n")
    expect(editor.status).to_have_text("Warnings: 1")
    faded = editor.page.locator("#source-card .squiggly-inline-unnecessary")
    expect(faded).to_have_text(["idle"])


def test_it_lets_what_runs_be(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    expect(editor.status).to_have_text("No problems")
    editor.write_at_the_end(
        "const events = [1]; let name = 1; name = 'a';\n"
        "const late = new Date() - new Date(0); const open = {}; open.more = late + events[0];\n"
        "for await (const each of [Promise.resolve(1)]) console.log(each, context.input.anything, late);\n"
    )
    editor.page.wait_for_timeout(1500)  # longer than both pauses
    expect(editor.status).to_have_text("No problems")


def test_it_knows_the_declared_parameters_and_follows_them(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.write_at_the_end("context.input.")
    expect(editor.suggestions.filter(has_text="ratesUrl")).to_be_visible()
    editor.page.keyboard.press("Escape")
    editor.send("parameters", parameters=[{"name": "warehouse", "type": "enum", "options": ["A", "B"]}])
    editor.page.wait_for_function(DESCRIBED, arg="warehouse")
    editor.write_at_the_end(";\nctx.input.")
    expect(editor.suggestions.filter(has_text="warehouse")).to_be_visible()
    expect(editor.suggestions.filter(has_text="ratesUrl")).to_have_count(0)


def test_the_engines_verdict_stands_where_the_error_is(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.write_at_the_end("const ю = 'ok'; fetch('x');\nlet a = ;")
    expect(editor.status).to_have_text("Errors: 1, Warnings: 1")

    def found() -> set[tuple[int, int, int]]:
        return {(each["startLineNumber"], each["startColumn"], each["severity"]) for each in editor.state()["markers"]}

    wait_until(editor.page, lambda: found() == {(15, 17, 4), (16, 9, 8)})
    editor.page.locator("[data-editor-problems]").first.click()
    expect(editor.page.locator(".zone-widget")).to_contain_text("Unexpected token")


def test_it_says_when_the_server_could_not_be_asked(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    expect(editor.status).to_have_text("No problems")
    editor.page.route("**/editor/validate", lambda route: route.abort())
    editor.write_at_the_end("let b;")
    expect(editor.status).to_have_text("Not checked: the server did not answer")


def test_unsaved_text_survives_a_reload_and_is_offered_back(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    before = editor.text
    editor.write_at_the_end("// mine")
    wait_until(editor.page, lambda: len(editor.drafts()) == 1)
    editor.page.on("dialog", lambda dialog: dialog.accept())
    editor.page.reload()
    editor.ready()
    assert editor.text == before
    expect(editor.offer).to_contain_text("There are unsaved changes.")

    editor.offer.get_by_role("button", name="Compare").click()
    dialog = editor.page.get_by_role("dialog", name="Unsaved changes")
    expect(dialog.locator(".line-insert").first).to_be_attached()
    dialog.get_by_role("button", name="Restore unsaved changes").click()
    expect(dialog).to_be_hidden()
    expect(editor.offer).to_be_hidden()
    assert editor.text == f"{before}// mine"


def test_discarded_text_is_not_offered_again(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.write_at_the_end("// mine")
    editor.page.on("dialog", lambda dialog: dialog.accept())
    editor.page.reload()
    editor.ready().offer.get_by_role("button", name="Discard").click()
    expect(editor.offer).to_be_hidden()
    assert editor.drafts() == []


def test_two_tabs_do_not_overwrite_each_others_text(desk: Callable[..., Desk]) -> None:
    first = desk().open()
    second = Desk(first.page.context.new_page()).open()
    first.write_at_the_end("// one")
    second.write_at_the_end("// two")
    wait_until(first.page, lambda: sorted(draft["text"][-6:] for draft in first.drafts()) == ["// one", "// two"])


def test_a_full_browser_gives_up_its_oldest_draft_for_the_newest(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.page.evaluate("""() => {
      const old = (name, at, size) => localStorage.setItem(`dastgoh:draft:x:${name}`,
        JSON.stringify([{ id: name, text: 'x'.repeat(size), at: Date.now() - at }]));
      old('older', 2000, 2000000); old('newer', 1000, 2000000);
      for (let size = 1000000; size > 100; size /= 2) try { localStorage[`filled-${size}`] = 'x'.repeat(size); } catch { /* full */ }
    }""")
    editor.write_at_the_end("// mine " + "m" * 100)
    wait_until(
        editor.page, lambda: [len(each["text"]) < 1000 for each in editor.drafts()] in ([True, False], [False, True])
    )
    assert {each["id"] for each in editor.drafts()} > {"newer"}


def test_what_was_sent_from_another_page_is_no_draft_once_it_is_saved(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.page.evaluate("""() => {
      const { owner } = JSON.parse(document.querySelector('[data-editor]').dataset.options);
      const { defaultValue: text } = document.querySelector('#source');
      const entries = [{ id: 'a', text, sent: true, at: Date.now() }, { id: 'b', text: 'not sent', at: Date.now() }];
      localStorage.setItem(`dastgoh:draft:${owner}:script:new`, JSON.stringify(entries));
    }""")
    editor.page.reload()
    editor.ready()
    assert [each["id"] for each in editor.drafts()] == ["b"]


def test_leaving_with_unsaved_text_warns_and_leaving_without_does_not(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    editor.page.on("dialog", stay)
    editor.write_at_the_end("// mine")
    editor.page.evaluate("location.assign('/profile')")
    wait_until(editor.page, lambda: asked == ["beforeunload"])
    editor.page.keyboard.press("Control+S")
    expect(editor.page.locator("#toasts")).to_contain_text("Version 15 saved")
    editor.page.goto("/profile")
    assert asked == ["beforeunload"]


def test_saving_by_keyboard_drops_the_draft_and_keeps_the_place(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.page.evaluate(
        "window.told = []; document.addEventListener('dastgoh:dirty', ({ detail }) => told.push(detail.dirty))"
    )
    editor.write_at_the_end("// mine")
    wait_until(editor.page, lambda: len(editor.drafts()) == 1)
    with editor.page.expect_request("**/dev/editor") as sent:
        editor.page.keyboard.press("Control+S")
    assert "mine" in (sent.value.post_data or "")
    wait_until(editor.page, lambda: editor.drafts() == [])
    assert editor.page.evaluate("told") == [True, False]

    editor.send("goto", line=11, column=5)
    editor.page.reload()
    editor.ready()
    expect(editor.page.locator("[data-editor-position]").first).to_have_text("Line 11, column 5")


def test_what_is_written_while_saving_stays_unsaved(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    editor.page.route("**/dev/editor", hold)
    editor.write_at_the_end("// mine ")
    editor.page.keyboard.press("Control+S")
    wait_until(editor.page, lambda: len(held) == 1)
    editor.page.keyboard.type("later")
    held[0].continue_()
    expect(editor.page.locator("#toasts")).to_contain_text("Version 15 saved")
    wait_until(editor.page, lambda: [draft["version"] for draft in editor.drafts()] == [15])
    assert editor.drafts()[0]["text"].endswith("// mine later")


def test_control_enter_asks_to_execute(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.page.evaluate(
        "document.querySelector('#script').addEventListener('dastgoh:execute', () => { window.wished = true; })"
    )
    editor.write_at_the_end("")
    editor.page.keyboard.press("Control+Enter")
    wait_until(editor.page, lambda: editor.page.evaluate("window.wished") is True)


def test_it_goes_where_it_is_sent(desk: Callable[..., Desk]) -> None:
    editor = desk().open("#L12")
    position = editor.page.locator("[data-editor-position]").first
    expect(position).to_have_text("Line 12, column 1")
    editor.send("goto", line=5, column=3)
    expect(position).to_have_text("Line 5, column 3")
    editor.send("insert", text="/* here */")
    assert editor.text.split("\n")[4].startswith("  /* here */'SELECT")


def test_it_formats(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.write_at_the_end("if(true){return   1}")
    editor.page.get_by_role("button", name="Format").click()
    wait_until(editor.page, lambda: "if (true) { return 1 }" in editor.text)


def test_the_keyboard_gets_out_again(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    editor.write_at_the_end("")
    inside = "document.activeElement.closest('.editor-host') !== null"
    editor.page.keyboard.press("Tab")
    assert editor.page.evaluate(inside) and editor.text.endswith("  ")
    editor.page.keyboard.press("Escape")
    editor.page.keyboard.press("Tab")
    assert not editor.page.evaluate(inside)


def test_it_wears_the_theme_of_the_page_at_once(desk: Callable[..., Desk]) -> None:
    editor = desk(color_scheme="light").open()
    background = "getComputedStyle(document.querySelector('.editor-host .monaco-editor-background')).backgroundColor"
    surface = "getComputedStyle(document.querySelector('#source-card')).backgroundColor"
    light = editor.page.evaluate(background)
    assert light == editor.page.evaluate(surface)
    for _ in range(2):  # system → light → dark
        with editor.page.expect_response("**/preferences/theme"):
            editor.page.get_by_role("button", name="Switch theme").click()
    wait_until(editor.page, lambda: editor.page.evaluate(background) != light)
    assert editor.page.evaluate(background) == editor.page.evaluate(surface)


def test_a_difference_stands_side_by_side_or_in_one_column(desk: Callable[..., Desk]) -> None:
    page = desk().open().page
    expect(page.locator("#versions[data-ready]")).to_be_visible()
    expect(page.locator("#versions .char-insert").first).to_be_attached()
    assert page.locator("#versions .editor.original").bounding_box()["width"] > 200  # type: ignore[index]
    page.get_by_role("button", name="One column").click()
    expect(page.locator("#versions .monaco-diff-editor.side-by-side")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="One column")).to_have_attribute("aria-pressed", "true")


def test_json_is_checked_and_completed_from_the_parameters(desk: Callable[..., Desk]) -> None:
    page = desk().open().page
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('dastgoh:goto', { detail: { id: 'input', line: 3, column: 18 } }))"
    )
    page.keyboard.type(", ")
    page.keyboard.press("Control+Space")
    expect(page.locator(".suggest-widget .monaco-list-row").filter(has_text="limit")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".editor[data-editor=json] [data-editor-problems-text]")).to_contain_text("Errors: 1")


def test_fragments_take_their_editors_along(desk: Callable[..., Desk]) -> None:
    editor = desk().open()
    expect(editor.page.locator("#versions[data-ready]")).to_be_visible()
    before = editor.state()
    editor.write_at_the_end("// not lost")
    for _ in range(2):
        editor.page.evaluate("htmx.ajax('GET', '/dev/editor', { target: '#main', select: '#main', swap: 'outerHTML' })")
        expect(editor.offer).to_be_visible()
        expect(editor.page.locator("#versions[data-ready]")).to_be_visible()
        wait_until(editor.page, lambda: editor.state() == {**before, "markers": []})
    editor.offer.get_by_role("button", name="Restore unsaved changes").click()
    assert editor.text.endswith("// not lost")
    assert editor.refused == []


def test_phones_keep_the_textarea_with_all_it_does(desk: Callable[..., Desk]) -> None:
    editor = desk(width=390, height=844)
    editor.page.goto("/dev/editor")
    expect(editor.status).to_have_text("No problems")
    expect(editor.field).to_be_visible()
    expect(editor.page.locator("#versions table.diff")).to_be_visible()
    editor.field.press("Control+End")
    editor.field.press_sequentially("let a = ;")
    expect(editor.status).to_contain_text("Line 15: SyntaxError")
    wait_until(editor.page, lambda: len(editor.drafts()) == 1)
    editor.field.press("Control+S")
    expect(editor.page.locator("#toasts")).to_contain_text("Version 15 saved")
    wait_until(editor.page, lambda: editor.drafts() == [])
    assert editor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (
        editor.page.evaluate(
            "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/monaco/')).length"
        )
        == 0
    )


def test_turning_a_tablet_changes_the_editor_and_keeps_the_text(desk: Callable[..., Desk]) -> None:
    editor = desk(width=900).open()
    editor.write_at_the_end("// wide")
    editor.page.set_viewport_size({"width": 600, "height": 900})
    expect(editor.field).to_be_visible()
    editor.field.press_sequentially(" narrow")
    editor.page.set_viewport_size({"width": 900, "height": 600})
    editor.ready()
    expect(editor.field).to_be_hidden()
    assert editor.text.endswith("// wide narrow")


def test_without_scripts_there_are_fields_and_tables(desk: Callable[..., Desk], served: str) -> None:
    page = desk(java_script_enabled=False).page
    page.goto("/dev/editor")
    expect(page.locator("#source")).to_be_editable()
    expect(page.locator("#versions ins").first).to_have_text("500, retries: 2")
    fold = page.locator("#versions .diff-fold").first
    expect(page.locator("#versions tr", has_text="for (const order")).to_be_hidden()
    fold.get_by_role("checkbox").check()
    expect(page.locator("#versions tr", has_text="for (const order")).to_be_visible()


def test_everybody_can_use_its_widgets_and_nothing_is_refused(desk: Callable[..., Desk]) -> None:
    """The page itself is looked at with every page, in all windows and themes."""
    editor = desk().open()
    expect(editor.page.locator("#versions[data-ready]")).to_be_visible()
    open_every_part(editor)
    editor.page.evaluate(AXE.read_text())
    found = editor.page.evaluate("axe.run(document)")["violations"]
    assert [f"{fault['id']}: {node['target']}" for fault in found for node in fault["nodes"]] == []
    assert editor.refused == []


def open_every_part(editor: Desk) -> None:
    """Each of Monaco's widgets makes styles of its own, which the policy must let through."""
    keys = editor.page.keyboard
    editor.write_at_the_end("sdk.")
    expect(editor.suggestions.first).to_be_visible()
    keys.press("Escape")
    keys.type("log.info(")
    expect(editor.page.locator(".parameter-hints-widget.visible")).to_be_visible()
    keys.press("Escape")
    keys.press("Control+F")
    expect(editor.page.locator(".find-widget.visible")).to_be_visible()
    keys.press("Escape")
    keys.press("F1")
    expect(editor.page.locator(".quick-input-widget")).to_be_visible()
    keys.press("Escape")
    keys.press("Control+Z")
