"""What the code editor asks the server for."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from services import process
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]


@pytest.fixture
def database() -> str:
    return "sqlite"  # nothing here depends on the database


@pytest.fixture(autouse=True)
def _engines_end(app: Flask) -> Iterator[None]:
    yield
    process.close(app)


def ask(browser: Browser, path: str, body: object) -> TestResponse:
    browser.get("/profile")
    return browser.client.post(path, json=body, headers={"X-CSRFToken": browser._token})


def validate(browser: Browser, body: object) -> TestResponse:
    return ask(browser, "/editor/validate", body)


def test_declarations_speak_the_language_asked_for(sign_in: SignIn, bob: Person) -> None:
    browser = sign_in(bob)
    assert "Everything a script can call." in browser.get("/editor/typings").text
    russian = browser.get("/editor/typings?lang=ru").text
    assert "Всё, что может вызвать скрипт." in russian and "@ru" not in russian
    assert browser.get("/editor/typings?lang=xx").text == browser.get("/editor/typings?lang=en").text


def test_declarations_are_kept_until_they_change(sign_in: SignIn, bob: Person) -> None:
    browser = sign_in(bob)
    first = browser.get("/editor/typings?lang=uz")
    again = browser.get("/editor/typings?lang=uz", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert first.headers["Cache-Control"] == "private, no-cache"


def test_problems_have_exact_places(sign_in: SignIn, alice: Person) -> None:
    answer = validate(sign_in(alice), {"source": "const a = 'ў';\n\nreturn process.env + ;"})
    found = [(each["code"], each["severity"], each["line"], each["column"]) for each in answer.get_json()["problems"]]
    assert found == [("SYNTAX_ERROR", "error", 3, 22), ("FORBIDDEN_NAME", "warning", 3, 8)]
    assert answer.get_json()["problems"][1]["message"] == "A script has no process."
    assert answer.get_json()["problems"][1]["endColumn"] == 15


def test_problems_are_told_in_the_readers_language(sign_in: SignIn, alice: Person) -> None:
    browser = sign_in(alice)
    browser.get("/profile")
    browser.post("/preferences/language", language="ru")
    (problem,) = validate(browser, {"source": "fetch('x')"}).get_json()["problems"]
    assert problem["message"] == "В скрипте нет fetch."


def test_a_script_may_return_and_wait_at_its_top(sign_in: SignIn, alice: Person) -> None:
    answer = validate(sign_in(alice), {"source": "return await sdk.cache.get('x')"})
    assert answer.get_json() == {"problems": []}


def test_a_script_beyond_the_limit_is_not_read(sign_in: SignIn, alice: Person) -> None:
    (problem,) = validate(sign_in(alice), {"source": "я" * (128 * 1024 + 1)}).get_json()["problems"]
    assert (problem["code"], problem["severity"]) == ("INVALID_INPUT", "error")


@pytest.mark.parametrize("body", [None, [], {}, {"source": 7}])
def test_what_is_no_source_is_refused(sign_in: SignIn, alice: Person, body: object) -> None:
    assert validate(sign_in(alice), body).status_code == 422


def test_validation_wants_the_form_token(sign_in: SignIn, alice: Person) -> None:
    assert sign_in(alice).client.post("/editor/validate", json={"source": ""}).status_code == 400


def test_strangers_are_sent_to_sign_in(stranger: Browser) -> None:
    assert stranger.get("/editor/typings").status_code == 302
    assert validate(stranger, {"source": ""}).status_code == 302


def test_the_input_has_the_type_of_its_parameters(sign_in: SignIn, bob: Person) -> None:
    browser = sign_in(bob)
    declared = [{"name": "city", "type": "enum", "options": ["Toshkent", "Buxoro"], "required": True}]
    assert 'city: "Toshkent" | "Buxoro"' in ask(browser, "/editor/input-type", {"parameters": declared}).text


@pytest.mark.parametrize("parameters", [None, "x", [{"name": "9", "type": "?"}], [{"type": "enum"}]])
def test_an_input_that_is_not_declared_yet_can_be_anything(sign_in: SignIn, bob: Person, parameters: object) -> None:
    answer = ask(sign_in(bob), "/editor/input-type", {"parameters": parameters})
    assert answer.text == "type ScriptInput = any;\n"


def test_a_first_empty_line_of_the_source_is_kept(sign_in: SignIn, alice: Person) -> None:
    page = sign_in(alice).get("/dev/editor").text
    # What follows the tag directly is dropped by browsers, so a line end of its own stands there.
    assert "data-editor-field>\nconst rates" in page


def test_text_cannot_leave_the_places_it_stands_in(app: Flask, sign_in: SignIn, alice: Person) -> None:
    nasty = "</textarea><script>\"'&{{ 7 * 7 }}"
    parameters = [{"name": "x", "type": "string", "description": nasty}]
    with app.test_request_context():
        macros = app.jinja_env.get_template("shared/editor.html")
        app.jinja_env.globals["editor_setting"] = lambda: {
            "language": "en",
            "owner": nasty,
            "assets": {},
            "modules": [],
        }
        html = str(macros.module.code_editor("source", nasty, "source", nasty, parameters=parameters, saved=nasty))  # type: ignore[attr-defined]
        html += str(macros.module.diff_editor(nasty, nasty + "x", nasty, nasty))  # type: ignore[attr-defined]
    assert "<script" not in html and html.count("</textarea>") == 1
