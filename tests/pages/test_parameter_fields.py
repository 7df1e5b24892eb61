"""The fields of parameters as pages show them, and the editor's rows as they come back."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from flask_babel import force_locale
from werkzeug.datastructures import MultiDict

from blueprints.forms.parameters import declarations_from_form, entered_input, messages
from services.errors import Invalid
from services.parameters import check_declarations

REGION = {"name": "region", "type": "enum", "options": ["Tashkent", "7", 8], "required": True}
LIMIT = {"name": "limit", "type": "integer", "default": 100, "max": 500, "description": "How <many> orders"}
PARAMETERS = [REGION, LIMIT, {"name": "dry", "type": "boolean", "default": True}, {"name": "rows", "type": "array"},
              {"name": "rate", "type": "number", "default": 1.5}, {"name": "since", "type": "date"}]  # fmt: skip


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def macro(macros_of: Callable[[str], Callable[..., str]]) -> Callable[..., str]:
    return macros_of("parameters/_fields.html")


def sent_by(markup: str) -> MultiDict[str, str]:
    """What a browser would send for this markup."""
    sent: MultiDict[str, str] = MultiDict()

    class Reader(HTMLParser):
        area = select = ""
        inert = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = {name: value or "" for name, value in attrs}
            self.inert += tag in ("template", "noscript")
            if self.inert:
                return
            if tag == "input" and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
                sent.add(given["name"], given.get("value", ""))
            if tag == "textarea":
                self.area = given["name"]
                sent.add(self.area, "")
            if tag == "select":
                self.select = given["name"]
            if tag == "option" and ("selected" in given or self.select not in sent):
                sent[self.select] = given.get("value", "")

        def handle_endtag(self, tag: str) -> None:
            self.inert -= tag in ("template", "noscript")
            self.area = "" if tag == "textarea" else self.area

        def handle_data(self, data: str) -> None:
            if self.area and not self.inert:
                sent[self.area] += data

    Reader().feed(markup)
    return sent


def test_it_offers_the_right_control_for_each_type(macro: Callable[..., str]) -> None:
    page = macro("input_form", PARAMETERS)
    for part in (
        '<select class="input" id="input-region"', '<option value="Tashkent"', 'inputmode="numeric"', 'type="checkbox" id="input-dry"',
        '<textarea class="input input-grows input-mono" id="input-rows"', 'type="date"', 'aria-required="true"',
        "How &lt;many&gt; orders · 500 or less", 'aria-describedby="input-limit-hint"',
    ):  # fmt: skip
        assert part in page, part


def test_what_it_shows_is_what_a_run_gets(macro: Callable[..., str]) -> None:
    given = {"region": "Tashkent", "limit": 5, "dry": False, "rows": [{"a": "ў"}], "rate": 2.25, "since": "2026-11-21"}
    for language in ("en", "ru", "uz"):
        with force_locale(language):
            entered = entered_input(PARAMETERS, sent_by(macro("input_form", PARAMETERS, given)))
            assert (entered.value, entered.faults) == (given, [])


def test_it_starts_with_the_defaults(macro: Callable[..., str]) -> None:
    entered = entered_input(PARAMETERS[1:], sent_by(macro("input_form", PARAMETERS[1:])))
    assert entered.value == {"limit": 100, "dry": True, "rate": 1.5}


def test_an_input_the_fields_cannot_hold_is_shown_as_json(macro: Callable[..., str]) -> None:
    for value in ({"limit": 5, "more": 1}, [1, 2]):
        sent = sent_by(macro("input_form", PARAMETERS, value))
        assert sent["input_mode"] == "json"
        assert entered_input(PARAMETERS, sent).value == value


def test_a_refused_form_comes_back_as_it_was_with_the_reasons(macro: Callable[..., str]) -> None:
    sent = MultiDict({"input.region": "", "input.limit": "many", "input.rows": "[1,", "input.dry": "false"})
    entered = entered_input(PARAMETERS, sent)
    page = macro("input_form", PARAMETERS, entered.texts, messages(entered.faults))
    again = sent_by(page)
    assert {name: again[name] for name in sent} == sent.to_dict()
    assert 'id="input-limit-error"' in page and "This must be a number." in page
    with force_locale("ru"):
        assert "Здесь нужно число." in macro("input_form", PARAMETERS, entered.texts, messages(entered.faults))


def test_an_editor_sends_back_what_it_was_shown(macro: Callable[..., str]) -> None:
    declared = check_declarations([
        *PARAMETERS,
        {"name": "code", "type": "string", "pattern": "[A-Z]+", "min_length": 2, "max_length": 9, "description": "x"},
        {"name": "who", "type": "object", "schema": {"type": "object", "required": ["id"]}, "required": True},
        {"name": "rate2", "type": "number", "min": -0.5, "max": 1e6},
    ])  # fmt: skip
    for language in ("en", "ru"):
        with force_locale(language):
            read = declarations_from_form(sent_by(macro("parameter_editor", declared)))
            assert read.errors == {}
            assert check_declarations(read.parameters) == declared


def test_rows_are_removed_ordered_and_forgotten_when_empty() -> None:
    sent = MultiDict({
        "parameters-0-name": "a", "parameters-0-order": "3",
        "parameters-1-name": "b", "parameters-1-order": "1",
        "parameters-2-name": "gone", "parameters-2-remove": "1",
        "parameters-7-name": "", "parameters-7-type": "string",
    })  # fmt: skip
    assert [each["name"] for each in declarations_from_form(sent).parameters] == ["b", "a"]


def test_what_belongs_to_another_type_is_not_read() -> None:
    sent = MultiDict({"parameters-0-name": "a", "parameters-0-type": "boolean", "parameters-0-min": "5"})
    assert check_declarations(declarations_from_form(sent).parameters) == [{"name": "a", "type": "boolean"}]


def test_a_wrong_row_comes_back_with_its_error(macro: Callable[..., str]) -> None:
    sent = MultiDict({"parameters-0-name": "ok", "parameters-1-name": "a", "parameters-1-type": "integer",
                      "parameters-1-min": "some", "parameters-1-required": "1"})  # fmt: skip
    read = declarations_from_form(sent)
    assert read.errors == {"parameters[1].min": ["This must be a number."]}
    page = macro("parameter_editor", read.rows, read.errors)
    assert 'id="parameters-1-min-error"' in page and 'value="some"' in page
    assert sent_by(page)["parameters-1-required"] == "1"


def test_what_the_service_refuses_stands_beside_its_field(macro: Callable[..., str]) -> None:
    read = declarations_from_form(MultiDict({"parameters-0-name": "1st"}))
    with pytest.raises(Invalid) as caught:
        check_declarations(read.parameters)
    read.blame(caught.value)
    assert 'id="parameters-0-name-error"' in macro("parameter_editor", read.rows, read.errors)
