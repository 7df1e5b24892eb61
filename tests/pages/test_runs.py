"""Starting, watching, stopping and repeating a run from the pages."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from models import Script, Tenant, db
from models.tenancy import as_tenant
from services import process, scripts
from services.scripts import Changes
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
RUN_ID = re.compile(r'data-run="([0-9a-f-]{36})"')


@pytest.fixture
def write(app: Flask, alice: Person, acme: Tenant) -> Iterator[Callable[..., Script]]:
    def make(source: str, **more: Any) -> Script:
        with app.app_context(), as_tenant(db.session, acme.id):
            name = f"Script {time.monotonic_ns()}"
            return scripts.create(alice.principal, Changes(name=name, source=source, **more))

    yield make
    process.close(app)


def execute(browser: Browser, script: Script, **fields: str) -> Any:
    return browser.post(f"/scripts/{script.id}/executions", headers=FRAGMENT, **fields)


def settled(browser: Browser, panel: Any, seconds: float = 15) -> str:
    """The panel as it is when it asks no more."""
    until = time.monotonic() + seconds
    text = panel.text
    while "hx-trigger" in text.partition("card-header")[0] and time.monotonic() < until:
        time.sleep(0.05)
        text = browser.get(f"/executions/{RUN_ID.search(text)[1]}/panel", headers=FRAGMENT).text
    return text


def test_a_result_appears_and_asks_no_more(alice: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    script = write("console.warn('mind the gap'); return {answer: context.input.n * 2}")

    panel = settled(browser, execute(browser, script, input_json='{"n": 21}'))

    assert 'data-status="succeeded"' in panel
    assert "answer" in panel and "42" in panel and "mind the gap" in panel


def test_a_long_run_shows_its_lines_and_can_be_stopped(
    alice: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    script = write("console.log('halfway there'); await sdk.sleep(30000)")
    panel = execute(browser, script)
    run_id = RUN_ID.search(panel.text)[1]

    until = time.monotonic() + 20
    while "halfway there" not in panel.text and time.monotonic() < until:
        time.sleep(0.05)
        panel = browser.get(f"/executions/{run_id}/panel", headers=FRAGMENT)
    assert "halfway there" in panel.text and f"/executions/{run_id}/cancel" in panel.text

    stopped = browser.post(f"/executions/{run_id}/cancel", headers=FRAGMENT)
    assert 'data-status="cancelled"' in settled(browser, stopped)


def test_fixing_a_test_run_opens_the_code_that_ran(
    alice: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    script, other = write("return 1"), write("return 2")
    panel = settled(browser, execute(browser, script, source="let unsaved\nunsaved.boom"))
    run_id = RUN_ID.search(panel)[1]

    assert f'href="/scripts/{script.id}?run={run_id}#L2"' in browser.get(f"/executions/{run_id}").text
    assert "unsaved.boom</textarea>" in browser.get(f"/scripts/{script.id}?run={run_id}").text
    assert browser.get(f"/scripts/{other.id}?run={run_id}").status_code == 404


def test_a_failure_names_its_code_and_line(alice: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    script = write("const a = 1\nnull.boom")

    panel = settled(browser, execute(browser, script))

    page = browser.get(f"/executions/{RUN_ID.search(panel)[1]}").text

    assert "RUNTIME_ERROR" in panel and "Cannot read properties of null" in panel
    assert 'data-goto-line="2"' in panel and "#L2" in page


def test_input_that_does_not_fit_starts_nothing(alice: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    script = write("return 1", parameters=[{"name": "n", "type": "integer", "required": True}])

    empty = execute(browser, script, input_mode="form", **{"input.n": ""})
    words = execute(browser, script, input_mode="json", input_json="{n: 1")

    assert (empty.status_code, words.status_code) == (422, 422)
    assert "#input-n" in empty.text and "data-refused" in words.text


def test_unsaved_code_runs_as_a_test(alice: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    script = write("return 'saved'")

    panel = settled(browser, execute(browser, script, source="return 'unsaved ' +\r\n'buffer'"))
    page = browser.get(f"/executions/{RUN_ID.search(panel)[1]}").text

    assert "unsaved buffer" in panel
    assert "return &#39;unsaved &#39; +" in page


def test_without_scripts_the_reader_goes_to_the_runs_page(
    alice: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    answer = browser.post(f"/scripts/{write('return 7').id}/executions", input_json="")

    assert answer.status_code == 303
    assert browser.get(answer.headers["Location"]).status_code == 200


def test_markup_in_what_a_script_says_stays_text(alice: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    evil = "<img src=x onerror=alert(1)>"
    script = write(f"console.log('{evil}', {{k: '{evil}'}}); const e = new Error('{evil}'); e.name = '{evil}'; throw e")

    panel = settled(browser, execute(browser, script))

    assert "onerror" in panel and "<img" not in panel


def test_a_run_is_repeated_with_its_input(alice: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    panel = settled(browser, execute(browser, write("return context.input"), input_json='["again"]'))

    answer = browser.post(f"/executions/{RUN_ID.search(panel)[1]}/replay")

    assert answer.status_code == 303
    page = settled(browser, browser.get(answer.headers["Location"]))
    assert "again" in page


def test_bob_reads_runs_and_starts_none(
    alice: Person, bob: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    script = write("return 1")
    run_id = RUN_ID.search(execute(sign_in(alice), script).text)[1]
    browser = sign_in(bob)

    assert browser.get(f"/executions/{run_id}").status_code == 200
    assert "/replay" not in browser.get(f"/executions/{run_id}").text
    assert execute(browser, script).status_code == 403
    assert browser.post(f"/executions/{run_id}/replay").status_code == 403
    assert browser.post(f"/executions/{run_id}/cancel").status_code == 403


def test_charlie_finds_no_run_of_others(
    alice: Person, charlie: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    script = write("return 1")
    run_id = RUN_ID.search(execute(sign_in(alice), script).text)[1]
    browser = sign_in(charlie)

    for path in ("", "/panel", "/report"):
        assert browser.get(f"/executions/{run_id}{path}").status_code == 404
    for verb in ("cancel", "replay"):
        assert browser.post(f"/executions/{run_id}/{verb}").status_code == 404
    assert execute(browser, script).status_code == 404


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("end", ["since", "until"])
def test_days_at_the_edge_of_the_calendar_are_no_accident(alice: Person, sign_in: SignIn, day: str, end: str) -> None:
    assert sign_in(alice).get(f"/executions?{end}={day}").status_code in (200, 422)


def test_a_large_result_is_downloaded_whole_by_who_may_read_the_run(
    alice: Person, charlie: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    panel = settled(browser, execute(browser, write("return '<b>'.repeat(100000)")))
    address = f"/executions/{RUN_ID.search(panel)[1]}/output"

    answer = browser.get(address)

    assert f'href="{address}"' in panel
    assert answer.json == "<b>" * 100_000 and answer.headers["Content-Disposition"].startswith("attachment")
    assert sign_in(charlie).get(address).status_code == 404


def test_a_flood_of_lines_sends_only_the_newest(alice: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    browser = sign_in(alice)
    script = write("for (let n = 0; n < 120; n++) console.log(`line ${n}: ` + 'x'.repeat(2000))")

    panel = settled(browser, execute(browser, script))

    assert "line 119:" in panel and "line 0:" not in panel and "not shown" in panel
    assert len(panel) < 120_000
