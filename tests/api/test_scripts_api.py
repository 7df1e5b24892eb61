"""Scripts by program: making, reading, changing; and everything a careless or hostile program may send."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.api.conftest import Program
from tests.conftest import Person


def test_a_script_comes_back_as_it_was_given(api: Program) -> None:
    given = {
        "name": "Kunlik hisobot", "description": "Отчёт за день", "source": "return 1\n", "tags": ["Sales", "daily"],
        "metadata": {"owner": "ops"}, "limits": {"timeout_ms": 5000},
        "parameters": [{"name": "day", "type": "date", "required": True}],
    }  # fmt: skip

    made = api.post("/scripts", given)
    read = api.get(f"/scripts/{made.json['id']}")

    assert (made.status_code, read.status_code) == (201, 200)
    assert made.headers["Location"].endswith(f"/api/v1/scripts/{made.json['id']}")
    assert read.json == made.json
    assert read.json | given == read.json | {"tags": ["Sales", "daily"]} or read.json["tags"] == ["sales", "daily"]
    assert (read.json["version"], read.json["enabled"]) == (1, True)


def test_only_what_matters_makes_a_version(api: Program, script: dict[str, Any]) -> None:
    path = f"/scripts/{script['id']}"

    assert api.patch(path, {"name": "Tripler", "tags": ["a"]}).json["version"] == 1
    assert api.patch(path, {"source": "return context.input.n * 3"}).json["version"] == 2
    assert api.patch(path, {"source": "return context.input.n * 3"}).json["version"] == 2
    assert api.patch(path, {"limits": {"memory_mb": 64}}).json["version"] == 3


def test_a_stale_save_changes_nothing(api: Program, script: dict[str, Any]) -> None:
    path = f"/scripts/{script['id']}"
    api.patch(path, {"source": "return 'theirs'"})

    answer = api.patch(path, {"source": "return 'mine'", "base_version": 1})

    assert (answer.status_code, answer.json["code"]) == (409, "CONFLICT")
    assert api.get(path).json["source"] == "return 'theirs'"


def test_a_syntax_error_may_be_saved_but_not_enabled(api: Program) -> None:
    draft = api.post("/scripts", {"name": "A draft", "source": "return ("})

    assert (draft.status_code, draft.json["enabled"], draft.json["has_syntax_error"]) == (201, False, True)
    refused = api.patch(f"/scripts/{draft.json['id']}", {"enabled": True})
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "enabled")
    assert api.post("/scripts", {"name": "Another", "source": "return (", "enabled": True}).status_code == 422


def test_an_enabled_script_saved_with_a_syntax_error_is_disabled(api: Program, script: dict[str, Any]) -> None:
    saved = api.patch(f"/scripts/{script['id']}", {"source": "return }"}).json

    assert (saved["enabled"], saved["has_syntax_error"], saved["version"]) == (False, True, 2)


def test_two_scripts_never_have_one_name(api: Program, script: dict[str, Any]) -> None:
    again = api.post("/scripts", {"name": "  dOUBLER "})
    other = api.post("/scripts", {"name": "Other"}).json

    assert (again.status_code, again.json["code"]) == (409, "CONFLICT")
    assert api.patch(f"/scripts/{other['id']}", {"name": "doubler"}).status_code == 409


def test_the_name_of_a_deleted_script_is_free_again(api: Program, script: dict[str, Any]) -> None:
    assert api.call("DELETE", f"/scripts/{script['id']}").status_code == 204
    assert api.get(f"/scripts/{script['id']}").status_code == 404
    assert api.patch(f"/scripts/{script['id']}", {"name": "Back"}).status_code == 404
    assert api.post("/scripts", {"name": "Doubler"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "ab"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 7}, "name"),
        ({"name": "nul\0nul"}, "name"),
        ({"name": "half \ud800 pair"}, "name"),
        ({"name": "right\u202eleft"}, "name"),
        ({"name": "fine", "source": "x" * 262_145}, "source"),
        ({"name": "fine", "source": ["return 1"]}, "source"),
        ({"name": "fine", "source": "a\0b"}, "source"),
        ({"name": "fine", "enabled": "yes"}, "enabled"),
        ({"name": "fine", "tags": "one"}, "tags"),
        ({"name": "fine", "tags": [str(n) for n in range(21)]}, "tags"),
        ({"name": "fine", "tags": ["x" * 41]}, "tags"),
        ({"name": "fine", "metadata": []}, "metadata"),
        ({"name": "fine", "metadata": {"a": "x" * 20_000}}, "metadata"),
        ({"name": "fine", "metadata": {"a": "\0"}}, "metadata"),
        ({"name": "fine", "limits": {"timeout_ms": 999}}, "limits"),
        ({"name": "fine", "limits": {"timeout_ms": True}}, "limits"),
        ({"name": "fine", "limits": {"speed": 1}}, "limits"),
        ({"name": "fine", "limits": {"memory_mb": 1e9}}, "limits"),
        ({"name": "fine", "retention": {"max_versions": 0}}, "retention"),
        ({"name": "fine", "colour": "red"}, "colour"),
        ({"name": "fine", "note": 5}, "note"),
        ({"name": "fine", "note": "a\0b"}, "note"),
        ({"name": "fine", "note": "half \ud800 pair"}, "note"),
    ],
)
def test_what_does_not_fit_is_named(api: Program, body: dict[str, Any], field: str) -> None:
    answer = api.post("/scripts", body)

    assert answer.status_code == 422, answer.text
    assert answer.mimetype == "application/problem+json"
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert api.get("/scripts").json["items"] == []


def test_a_parameter_that_makes_no_sense_is_refused(api: Program) -> None:
    answer = api.post("/scripts", {"name": "fine", "parameters": [{"name": "a b", "type": "string"}]})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"].startswith("parameters")


def test_lists_are_read_page_by_page(api: Program) -> None:
    for number in range(5):
        api.post("/scripts", {"name": f"Script {number}"})

    first = api.get("/scripts?limit=3").json
    rest = api.get(f"/scripts?limit=3&cursor={first['next_cursor']}").json

    assert [item["name"] for item in first["items"] + rest["items"]] == [f"Script {n}" for n in (4, 3, 2, 1, 0)]
    assert rest["next_cursor"] is None
    assert "source" not in first["items"][0]
    assert api.get("/scripts?limit=0").status_code == 422
    assert api.get("/scripts?cursor=nonsense").status_code == 422


def test_bob_reads_and_changes_nothing(
    api: Program, program: Callable[..., Program], bob: Person, script: dict
) -> None:
    reader = program(bob)
    path = f"/scripts/{script['id']}"

    assert reader.get(path).status_code == 200
    assert reader.post("/scripts", {"name": "Mine"}).status_code == 403
    assert reader.patch(path, {"name": "Mine"}).status_code == 403
    assert reader.call("DELETE", path).status_code == 403
    assert reader.post(f"{path}/executions", {"input": {"n": 1}}).status_code == 403


def test_charlie_finds_nothing(program: Callable[..., Program], charlie: Person, script: dict) -> None:
    elsewhere = program(charlie)
    path = f"/scripts/{script['id']}"

    assert elsewhere.get("/scripts").json["items"] == []
    assert elsewhere.get(path).status_code == 404
    assert elsewhere.patch(path, {"name": "Mine"}).status_code == 404
    assert elsewhere.call("DELETE", path).status_code == 404
    assert elsewhere.post(f"{path}/executions", {}).status_code == 404


def test_a_session_cookie_is_no_key_to_the_api(app: Flask, alice: Person, sign_in: Any, script: dict) -> None:
    browser = sign_in(alice)

    assert browser.client.get("/api/v1/scripts").status_code == 401
    assert browser.client.post("/api/v1/scripts", json={"name": "Forged"}).status_code == 401


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"null"])
def test_a_body_that_is_no_json_object_is_refused(api: Program, sent: bytes) -> None:
    answer = api._client.post("/api/v1/scripts", data=sent, headers=api._headers | {"Content-Type": "application/json"})

    assert answer.status_code == 422
