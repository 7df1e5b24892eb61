"""The input form: what people type becomes JSON, and what cannot be read is still there afterwards."""

import pytest
from werkzeug.datastructures import MultiDict

from services.parameters import from_form

PARAMETERS = [
    {"name": "region", "type": "enum", "options": ["Tashkent", 7]},
    {"name": "limit", "type": "integer", "max": 500},
    {"name": "rate", "type": "number"},
    {"name": "dry", "type": "boolean"},
    {"name": "since", "type": "date"},
    {"name": "note", "type": "string", "required": True},
    {"name": "rows", "type": "array"},
]


def form(**fields: str) -> MultiDict[str, str]:
    return MultiDict({f"input.{name}": text for name, text in fields.items()})


def test_it_reads_every_type() -> None:
    entered = from_form(PARAMETERS, form(region="7", limit="100", rate="1.5", dry="true", since="2026-11-21",
                                         note=" a\r\nb", rows='[{"a": 1}]'))  # fmt: skip
    assert entered.faults == []
    assert entered.value == {
        "region": 7, "limit": 100, "rate": 1.5, "dry": True, "since": "2026-11-21", "note": " a\nb", "rows": [{"a": 1}],
    }  # fmt: skip


def test_an_empty_field_is_left_out() -> None:
    assert from_form(PARAMETERS, form(note="x", limit="", rate=" ", rows="")).value == {"note": "x"}


def test_a_box_sends_its_hidden_no_and_then_its_yes() -> None:
    off, on = MultiDict([("input.dry", "false")]), MultiDict([("input.dry", "false"), ("input.dry", "true")])
    assert [from_form(PARAMETERS[3:4], sent).value for sent in (off, on)] == [{"dry": False}, {"dry": True}]


@pytest.mark.parametrize(
    ("text", "locale", "number"),
    [("1,5", "ru", 1.5), ("1.5", "ru", 1.5), ("1\u00a0234,5", "ru", 1234.5), ("1 234", "ru", 1234), ("1,5", "uz", 1.5),
     ("1,500", "en", 1500), ("-3", "uz", -3), ("9007199254740993", "en", 9007199254740993), ("2e3", "en", 2000)],
)  # fmt: skip
def test_it_reads_numbers_as_they_are_written_there(text: str, locale: str, number: float) -> None:
    entered = from_form(PARAMETERS[2:3], form(rate=text), locale)
    assert (entered.value, entered.faults) == ({"rate": number}, [])


def test_it_finds_everything_wrong_and_loses_nothing() -> None:
    sent = form(region="Mars", limit="many", rate="1e999", since="tomorrow", rows="[1,\n2", dry="maybe")
    entered = from_form(PARAMETERS, sent)
    assert {fault.name for fault in entered.faults} == {"region", "limit", "rate", "since", "rows", "dry", "note"}
    assert entered.texts["limit"] == "many" and entered.texts["rows"] == "[1,\n2"
    assert "line 2" in str(next(fault for fault in entered.faults if fault.name == "rows"))


def test_a_rule_is_checked_at_once() -> None:
    assert [fault.name for fault in from_form(PARAMETERS[1:2], form(limit="501")).faults] == ["limit"]


def test_it_takes_raw_json_instead() -> None:
    sent = MultiDict({"input_mode": "json", "input_json": '{"limit": 5, "more": true}', "input.limit": "9"})
    assert from_form(PARAMETERS, sent).value == {"limit": 5, "more": True}
    assert from_form([], MultiDict({"input_json": "[1]"})).value == [1]
    assert from_form([], MultiDict({"input_json": " "})).value is None


@pytest.mark.parametrize("text", ["{", "NaN", '{"a": Infinity}', "[" * 100_000])
def test_what_is_not_json_comes_back(text: str) -> None:
    entered = from_form([], MultiDict({"input_json": text}))
    assert (len(entered.faults), entered.raw) == (1, text)
