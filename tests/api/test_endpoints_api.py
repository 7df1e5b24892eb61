"""Endpoints by program."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Program
from tests.conftest import Person


@pytest.fixture
def path(script: dict[str, Any]) -> str:
    return f"/scripts/{script['id']}/endpoints"


@pytest.fixture
def endpoint(api: Program, path: str) -> dict[str, Any]:
    answer = api.post(
        path, {"path": "/orders/:id/", "methods": ["PUT", "GET"], "auth": "public", "options": {"timeout_s": 5}}
    )
    assert answer.status_code == 201, answer.text
    return answer.json


def test_an_endpoint_comes_back_as_it_was_given(api: Program, path: str, endpoint: dict[str, Any]) -> None:
    assert {name: value for name, value in endpoint.items() if name != "id"} == {
        "path": "orders/:id", "methods": ["GET", "PUT"], "auth": "public", "mode": "sync", "enabled": True,
        "options": {"timeout_s": 5},
    }  # fmt: skip
    assert api.get(path).json == {"items": [endpoint], "next_cursor": None}
    assert api.get(f"{path}/{endpoint['id']}").json == endpoint


def test_it_answers_is_changed_in_part_and_deleted(api: Program, app: Any, path: str, endpoint: dict[str, Any]) -> None:
    here, world = f"{path}/{endpoint['id']}", app.test_client()
    assert world.get("/hooks/acme/orders/7").status_code == 500  # the script doubles a number that no request brought
    changed = api.patch(here, {"enabled": False, "options": {}}).json
    assert changed == {**endpoint, "enabled": False, "options": {}}
    assert world.get("/hooks/acme/orders/7").status_code == 404
    assert api.call("DELETE", here).status_code == 204
    assert api.get(here).status_code == 404 and api.get(path).json["items"] == []


def test_a_taken_path_is_a_conflict_that_names_the_other_script(
    api: Program, path: str, endpoint: dict[str, Any]
) -> None:
    other = api.post("/scripts", {"name": "Newcomer", "source": "return 1"}).json
    answer = api.post(f"/scripts/{other['id']}/endpoints", {"path": "orders/:order", "methods": ["GET"]})
    assert (answer.status_code, answer.json["code"]) == (409, "CONFLICT")
    assert "“Doubler”" in answer.json["detail"] and answer.json["errors"][0]["field"] == "path"


@pytest.mark.parametrize("wrong", [
    {}, {"path": "../x"}, {"path": 5}, {"path": "a", "methods": ["TRACE"]}, {"path": "a", "methods": "GET"}, {"path": "a", "methods": []},
    {"path": "a", "auth": "none"}, {"path": "a", "auth": "signature"}, {"path": "a", "mode": "later"}, {"path": "a", "options": []},
    {"path": "a", "options": {"colour": 1}}, {"path": "a", "enabled": "yes"}, {"path": "a", "script_id": "x"},
    {"path": "a", "auth": "signature", "options": {"signature": {"secret": "a", "algorithm": "md5"}}},
])  # fmt: skip
def test_a_wrong_endpoint_is_refused(api: Program, path: str, wrong: dict[str, Any]) -> None:
    answer = api.post(path, wrong)
    assert (answer.status_code, answer.json["code"]) == (422, "INVALID_INPUT")
    assert api.get(path).json["items"] == []


def test_bob_reads_and_charlie_finds_nothing(
    program: Callable[..., Program], path: str, endpoint: dict[str, Any], bob: Person, charlie: Person
) -> None:
    here = f"{path}/{endpoint['id']}"
    viewer, stranger = program(bob), program(charlie)
    assert viewer.get(here).status_code == 200
    for call in (viewer.post(path, {"path": "x"}), viewer.patch(here, {"enabled": False}), viewer.call("DELETE", here)):
        assert call.status_code == 403
    for call in (
        stranger.get(path),
        stranger.get(here),
        stranger.post(path, {"path": "x"}),
        stranger.patch(here, {}),
        stranger.call("DELETE", here),
    ):
        assert call.status_code == 404


def test_an_endpoint_of_another_script_is_not_this_ones(api: Program, path: str, endpoint: dict[str, Any]) -> None:
    other = api.post("/scripts", {"name": "Other", "source": "return 1"}).json
    for method in ("GET", "DELETE"):
        assert api.call(method, f"/scripts/{other['id']}/endpoints/{endpoint['id']}").status_code == 404


def test_a_change_over_somebody_elses_is_refused(api: Program, path: str, endpoint: dict[str, Any]) -> None:
    here = f"{path}/{endpoint['id']}"
    tag = api.get(here).headers["ETag"]
    assert api.call("PATCH", here, {"enabled": False}, **{"If-Match": tag}).status_code == 200
    assert api.call("PATCH", here, {"enabled": True}, **{"If-Match": tag}).status_code == 412
