"""Declared once: the parameters of a script check every run's input, fill in defaults and type the editor."""

import time
from typing import Any

import pytest

from services.errors import Invalid
from services.parameters import InvalidInput, apply, check_declarations, typescript

REGION = {"name": "region", "type": "enum", "options": ["Tashkent", "Samarkand"], "required": True}
LIMIT = {"name": "limit", "type": "integer", "default": 100, "min": 1, "max": 500, "description": "How many orders"}


def refused(declared: object) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        check_declarations(declared)
    return caught.value.field, str(caught.value)


def blamed(parameters: list[dict[str, Any]], value: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        apply(check_declarations(parameters), value)
    return {fault.name: str(fault) for fault in caught.value.faults}


def test_it_brings_declarations_into_one_form() -> None:
    declared = [{"type": "string", "name": "city", "description": "", "required": False, "default": None}]
    assert check_declarations(declared) == [{"name": "city", "type": "string"}]
    assert check_declarations(check_declarations([REGION, LIMIT])) == check_declarations([REGION, LIMIT])


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ("text", "parameters"),
        ([{"name": f"p{n}"} for n in range(51)], "parameters"),
        (["text"], "parameters[0]"),
        ([{"name": ""}], "parameters[0].name"),
        ([{"name": "1st"}], "parameters[0].name"),
        ([{"name": "a-b"}], "parameters[0].name"),
        ([{"name": "__proto__"}], "parameters[0].name"),
        ([{"name": "x" * 65}], "parameters[0].name"),
        ([{"name": "a"}, {"name": "a"}], "parameters[1].name"),
        ([{"name": "a", "type": "money"}], "parameters[0].type"),
        ([{"name": "a", "kind": "string"}], "parameters[0].kind"),
        ([{"name": "a", "required": "yes"}], "parameters[0].required"),
        ([{"name": "a", "description": "x" * 501}], "parameters[0].description"),
        ([{"name": "a", "type": "integer", "min": 1.5}], "parameters[0].min"),
        ([{"name": "a", "type": "number", "min": 5, "max": 1}], "parameters[0].max"),
        ([{"name": "a", "type": "date", "max": "21.11.2026"}], "parameters[0].max"),
        ([{"name": "a", "type": "boolean", "min": 1}], "parameters[0].min"),
        ([{"name": "a", "max_length": -1}], "parameters[0].max_length"),
        ([{"name": "a", "min_length": 9, "max_length": 3}], "parameters[0].max_length"),
        ([{"name": "a", "pattern": "(?=x)"}], "parameters[0].pattern"),
        ([{"name": "a", "pattern": "("}], "parameters[0].pattern"),
        ([{"name": "a", "type": "enum"}], "parameters[0].options"),
        ([{"name": "a", "type": "enum", "options": ["x", "x"]}], "parameters[0].options"),
        ([{"name": "a", "type": "enum", "options": [{"x": 1}]}], "parameters[0].options"),
        ([{"name": "a", "type": "enum", "options": ["x"], "default": "y"}], "parameters[0].default"),
        ([{"name": "a", "type": "integer", "default": "5"}], "parameters[0].default"),
        ([{"name": "a", "max_length": 2, "default": "long"}], "parameters[0].default"),
        ([{"name": "a", "type": "object", "default": {"x": float("nan")}}], "parameters[0].default"),
        ([{"name": "a", "type": "array", "default": ["x" * 20_000]}], "parameters[0].default"),
        ([{"name": "a", "type": "string", "schema": {}}], "parameters[0].schema"),
        ([{"name": "a", "type": "object", "schema": []}], "parameters[0].schema"),
        ([{"name": "a", "type": "object", "schema": {"type": "money"}}], "parameters[0].schema"),
        ([{"name": "a", "type": "object", "schema": {"$ref": "https://example.test/x"}}], "parameters[0].schema"),
        ([{"name": "a", "type": "object", "schema": {"$ref": "#/$defs/none"}}], "parameters[0].schema"),
        ([{"name": "a", "type": "object", "schema": {"properties": {"x": {"pattern": "(?!x)"}}}}], "parameters[0].schema"),
        ([{"name": "a", "type": "object", "schema": {"allOf": [{"patternProperties": {}}]}}], "parameters[0].schema"),
        ([{"name": "a", "type": "object", "schema": {"description": "x" * 20_000}}], "parameters[0].schema"),
    ],
)  # fmt: skip
def test_it_refuses_what_cannot_be_declared_and_names_the_field(declared: object, field: str) -> None:
    assert refused(declared)[0] == field


@pytest.mark.parametrize("name", ["limit", "$ref", "_x9", "mijoz", "город", "class"])
def test_it_takes_every_name_javascript_reads_behind_a_dot(name: str) -> None:
    assert check_declarations([{"name": name}])[0]["name"] == name


def test_a_property_may_be_called_like_a_keyword_that_is_not_supported() -> None:
    schema = {"properties": {"patternProperties": {"type": "string"}, "$id": True}}
    assert check_declarations([{"name": "a", "type": "object", "schema": schema}])[0]["schema"] == schema


def test_it_fills_in_defaults_and_leaves_other_keys_alone() -> None:
    given = {"region": "Tashkent", "extra": [1]}
    assert apply([REGION, LIMIT], given) == {"region": "Tashkent", "limit": 100, "extra": [1]}
    assert given == {"region": "Tashkent", "extra": [1]}


def test_a_default_is_not_shared_between_runs() -> None:
    declared = [{"name": "rows", "type": "array", "default": []}]
    apply(declared, {})["rows"].append(1)
    assert apply(declared, {}) == {"rows": []}


@pytest.mark.parametrize("value", [None, 5, "text", [1], {"a": None}])
def test_a_script_without_parameters_takes_any_json(value: object) -> None:
    assert apply([], value) == value


def test_no_input_is_an_empty_one() -> None:
    assert apply([LIMIT], None) == {"limit": 100}
    assert apply([{"name": "note", "type": "string"}], {"note": None}) == {}


def test_it_names_every_field_that_is_wrong() -> None:
    found = blamed([REGION, LIMIT, {"name": "since", "type": "date"}], {"limit": 0, "since": "yesterday"})
    assert found == {
        "region": "This field is required.",
        "limit": "This must be at least 1.",
        "since": "This must be a date such as 2026-11-21.",
    }


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ({"type": "string"}, 5), ({"type": "string", "max_length": 3}, "long"), ({"type": "string", "min_length": 3}, "no"),
        ({"type": "string", "pattern": "[A-Z]+"}, "ABc"), ({"type": "string", "pattern": "x"}, "\ud800"),
        ({"type": "number"}, True), ({"type": "number"}, float("inf")), ({"type": "number"}, 10**400), ({"type": "number", "max": 1}, 1.5),
        ({"type": "integer"}, 1.5), ({"type": "integer"}, "1"), ({"type": "integer"}, 2**53), ({"type": "boolean"}, 1),
        ({"type": "object"}, []), ({"type": "array"}, {}), ({"type": "array", "max_length": 1}, [1, 2]),
        ({"type": "date"}, "2026-02-30"), ({"type": "date"}, "20261121"), ({"type": "date", "min": "2026-01-01"}, "2025-12-31"),
        ({"type": "enum", "options": [1, "a"]}, True), ({"type": "enum", "options": [1, "a"]}, "1"),
    ],
)  # fmt: skip
def test_it_refuses_values_that_do_not_fit(parameter: dict[str, Any], value: object) -> None:
    assert list(blamed([{"name": "a", **parameter}], {"a": value})) == ["a"]


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert repr(apply([{"name": "a", "type": "integer"}], {"a": 5.0})) == "{'a': 5}"


def test_a_schema_names_the_place_inside_the_value() -> None:
    schema = {
        "type": "array",
        "items": {"type": "object", "required": ["sku"], "properties": {"price": {"type": "number", "minimum": 0}}},
    }
    with pytest.raises(InvalidInput) as caught:
        apply([{"name": "items", "type": "array", "schema": schema}], {"items": [{"price": -1, "sku": "a"}, {}]})
    assert [str(fault) for fault in caught.value.faults] == [
        "items[0].price is too small: the limit is 0.",
        "items[1] lacks “sku”.",
    ]


def test_a_schema_may_speak_of_itself() -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
        "additionalProperties": False,
    }
    declared = check_declarations([{"name": "tree", "type": "object", "schema": tree}])
    assert apply(declared, {"tree": {"children": [{"children": []}]}})
    with pytest.raises(InvalidInput):
        apply(declared, {"tree": {"children": [{"kids": []}]}})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 100_000 + "!"}),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [{"n": n} for n in range(40_000)] + [{"n": 1}]}),
        ({"$defs": {"l": {"allOf": [{"$ref": "#/$defs/l"}]}}, "$ref": "#/$defs/l"}, {}),
        ({"$defs": {"d0": {"type": "string"}, **{f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n - 1}"}] * 2} for n in range(1, 30)}},
          "properties": {"a": {"$ref": "#/$defs/d29"}}}, {"a": "x"}),
    ],
    ids=["backtracking", "unique items", "endless", "exponential"],
)  # fmt: skip
def test_no_schema_keeps_the_server_busy(schema: dict[str, Any], value: object) -> None:
    declared = check_declarations([{"name": "v", "type": "object", "schema": schema}])
    began = time.monotonic()
    try:
        apply(declared, {"v": value})
    except InvalidInput as error:
        assert error.faults[0].name == "v"
    assert time.monotonic() - began < 20


def test_it_types_the_input_for_the_editor() -> None:
    rows = {
        "type": "array",
        "items": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
    }
    text = typescript([REGION, LIMIT, {"name": "rows", "type": "array", "schema": rows}])
    assert text == (
        "interface ScriptInput {\n"
        '  readonly region: "Tashkent" | "Samarkand";\n'
        "  /** How many orders @default 100 */\n"
        "  readonly limit: number;\n"
        '  readonly rows?: Array<{ "sku": string; [key: string]: any }>;\n'
        "  readonly [key: string]: any;\n"
        "}\n"
    )
    assert typescript([]) == "type ScriptInput = any;\n"


def test_a_description_cannot_leave_its_comment() -> None:
    text = typescript([{"name": "a", "type": "string", "description": "x */ evil(): void; /*\n@see"}])
    assert text.count("*/") == 1


def test_a_refused_pattern_says_why_in_words() -> None:
    with pytest.raises(Invalid, match=r"cannot be used: missing \]: \["):
        check_declarations([{"name": "p", "type": "string", "pattern": "["}])
