"""What holds for every route of the API: it is described, it asks for a token, it refuses in problem documents."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from blueprints.api.document import operations
from tests.api.conftest import Program
from tests.conftest import Person, settings_for
from tests.support.http import IN_CHUNKS

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
NOWHERE = "01a1ff83-d833-7fbe-b5cf-77431d1ead7b"


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def routes(app: Flask) -> list[Any]:
    with app.test_request_context():
        return list(operations())


def test_every_route_of_the_api_is_in_the_document(app: Flask, routes: list[Any]) -> None:
    described = {(one.method.upper(), one.id) for one in routes}
    found = {
        (method, rule.endpoint.removeprefix("api_").replace(".", "_"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.endpoint != "api_document.show"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == found


def test_the_document_is_there_for_everybody_and_its_schemas_are_schemas(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json")

    assert (answer.status_code, answer.json["openapi"]) == (200, "3.1.0")
    for name, schema in answer.json["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema), name
    refs = set(re.findall(r'"\$ref": ?"#/components/(\w+)/([\w-]+)"', answer.text))
    assert refs
    assert [ref for ref in refs if ref[1] not in answer.json["components"][ref[0]]] == []


def test_every_operation_says_what_it_does_and_what_it_needs(app: Flask, routes: list[Any]) -> None:
    ids = [one.id for one in routes]

    assert len(ids) == len(set(ids))
    with app.test_request_context():
        assert [one.id for one in routes if not 10 <= len(str(one.contract.says)) < 130] == []
    assert [one.id for one in routes if not one.permissions and "Needs `" not in one.more] == []


def test_the_page_about_the_api_names_every_operation_and_no_other(routes: list[Any]) -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/[^`?]*)", DOCS.read_text(), re.MULTILINE)
    nameless = re.compile(r"\{\w+\}")

    assert {(method, nameless.sub("{}", path)) for method, path in rows} == {
        (one.method.upper(), nameless.sub("{}", one.path)) for one in routes
    }
    assert len(rows) == len(routes)


def test_nobody_gets_in_without_a_token_that_lives(app: Flask, routes: list[Any]) -> None:
    client = app.test_client()
    for one in routes:
        path = "/api/v1" + re.sub(r"\{\w+_id\}", NOWHERE, one.path).format(number=1, name="x")
        for headers in ({}, {"Authorization": "Bearer dgh_nothing"}, {"Authorization": "Basic eDp5"}):
            answer = client.open(path, method=one.method.upper(), headers=headers)
            assert (answer.status_code, answer.mimetype) == (401, "application/problem+json"), one.id
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_does_only_what_its_scopes_say(
    program: Callable[..., Program], alice: Person, routes: list[Any]
) -> None:
    """Alice is an administrator; her token is not."""
    mute = program(alice, frozenset({"secrets.manage"}))
    for one in routes:
        path = re.sub(r"\{\w+_id\}", NOWHERE, one.path).format(number=1, name="x")
        answer = mute.call(one.method.upper(), path, {} if one.contract.takes else None)
        assert (answer.status_code, answer.json["code"]) == (403, "PERMISSION_DENIED"), one.id


def test_a_token_with_the_permissions_that_an_operation_names_is_enough(
    program: Callable[..., Program], api: Program, alice: Person, script: dict[str, Any], routes: list[Any]
) -> None:
    path = f"/scripts/{script['id']}"
    given = {"event_type": "order.created", "cron": "@daily", "path": "orders", "name": "Another", "source": "1"}
    rows = {noun: api.post(f"{path}/{noun}", given_of(noun, given)).json["id"]
            for noun in ("subscriptions", "schedules", "endpoints")}  # fmt: skip
    run = api.post(f"{path}/executions", {"wait": True, "input": {"n": 1}}).json["id"]
    for one in sorted(routes, key=lambda each: (each.method == "delete", -len(each.path))):  # what is deleted goes last
        if not one.permissions:
            continue
        caller = program(alice, frozenset(one.permissions))
        at = one.path.format(script_id=script["id"], row_id=rows.get(one.tag), execution_id=run, letter_id=NOWHERE,
                             number=1, name="Doubler")  # fmt: skip
        needed = {name: given[name] for name in (one.contract.takes or {}).get("required", ())}
        condition = {"If-Match": "*"} if one.contract.conditional else {}
        answer = caller.call(one.method.upper(), at, needed if one.contract.takes else None, **condition)
        assert answer.status_code not in (401, 403), (one.id, answer.text)


def test_a_token_that_lacks_one_permission_that_an_operation_names_is_refused(
    program: Callable[..., Program], api: Program, alice: Person, script: dict[str, Any], routes: list[Any]
) -> None:
    """What an operation needs beside the permission of its route is asked for where there is something to act on."""
    run = api.post(f"/scripts/{script['id']}/executions", {"wait": True, "input": {"n": 1}}).json["id"]
    given = {"event_type": "order.created", "cron": "@daily", "path": "orders", "data": {}}
    for one in routes:
        if len(one.permissions) < 2 or "row_id" in one.path or "letter_id" in one.path:
            continue
        at = one.path.format(script_id=script["id"], execution_id=run, number=1)
        members = {name: given[name] for name in (one.contract.takes or {}).get("required", ())}
        for missing in one.permissions:
            caller = program(alice, alice.principal.permissions - {missing})
            answer = caller.call(one.method.upper(), at, members if one.contract.takes else None)
            assert (answer.status_code, answer.json["code"]) == (403, "PERMISSION_DENIED"), (one.id, missing)


def given_of(noun: str, given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in {"subscriptions": ["event_type"], "schedules": ["cron"]}.get(noun, ["path"])}


def test_what_is_elsewhere_or_nowhere_is_not_found(
    program: Callable[..., Program], charlie: Person, script: dict[str, Any], routes: list[Any]
) -> None:
    stranger = program(charlie)
    for one in routes:
        if "{script_id}" in one.path:
            path = one.path.replace("{script_id}", script["id"]).replace("{row_id}", NOWHERE).format(number=1)
            given = dict.fromkeys((one.contract.takes or {}).get("required", ()), "* * * * *")
            answer = stranger.call(one.method.upper(), path, given if one.contract.takes else None)
            assert answer.status_code == 404, (one.id, answer.text)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/scripts/not-an-id", 404),
        ("PUT", "/scripts", 405),
        ("TRACE", "/scripts", 405),
        ("GET", "/scripts?cursor=%00", 400),
        ("GET", "/scripts?colour=red", 422),
        ("GET", "/scripts?limit=5&limit=6", 422),
        ("GET", "/scripts?limit=٣", 422),
        ("GET", "/executions?since=yesterday", 422),
        ("GET", "/executions?since=2026-01-01T00:00:00", 422),
        ("GET", "/executions?script=1", 422),
        ("GET", "/executions?status=ill", 422),
    ],
)
def test_refusals_are_problem_documents(api: Program, method: str, path: str, status: int) -> None:
    answer = api.call(method, path)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert {"type", "title", "status", "code", "request_id"} <= answer.json.keys()
    assert answer.json["status"] == status
    assert status != 405 or set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize(("query", "field", "said"), [
    ("limit=500", "limit", "a whole number from 1 to 200"), ("since=yesterday", "since", "a time with its zone"),
    ("status=ill", "status", "“status” is one of: queued,"),
])  # fmt: skip
def test_a_refused_parameter_says_what_it_may_be(api: Program, query: str, field: str, said: str) -> None:
    [error] = api.get(f"/executions?{query}").json["errors"]
    assert error["field"] == field and said in error["message"]


def test_where_a_tag_is_given_the_document_says_that_it_may_be_known(app: Flask) -> None:
    paths = app.test_client().get("/api/v1/openapi.json").json["paths"]
    reads = {path: methods["get"] for path, methods in paths.items() if "get" in methods}
    tagged = {path for path, one in reads.items() if "ETag" in one["responses"]["200"].get("headers", {})}

    assert len(tagged) == 4
    assert {path for path, one in reads.items() if "304" in one["responses"]} == tagged
    assert {path for path, one in reads.items()
            if "If-None-Match" in [asked["name"] for asked in one["parameters"]]} == tagged  # fmt: skip
    assert all("content" not in reads[path]["responses"]["304"] for path in tagged)


def test_what_is_no_json_or_too_much_of_it_is_refused(api: Program) -> None:
    def send(data: bytes, kind: str) -> Any:
        return api._client.post("/api/v1/scripts", data=data, headers=api._headers | {"Content-Type": kind})

    for answer, status in ((send(b"name=x", "application/x-www-form-urlencoded"), 415), (send(b"{}", "text/plain"), 415),
                           (send(b'"' + b"x" * (2 * 1024 * 1024) + b'"', "application/json"), 413)):  # fmt: skip
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert answer.json["status"] == status


def test_too_much_is_refused_also_where_its_length_is_not_said(api: Program) -> None:
    most = 2 * 1024 * 1024
    given = b'{"source": "1"}'
    for length, status in ((most, 200), (most + 1, 413), (2 * most, 413)):
        answer = api._client.post(
            "/api/v1/scripts/validate", headers=api._headers | {"Content-Type": "application/json"},
            input_stream=io.BytesIO(given.ljust(length)), environ_overrides=IN_CHUNKS,
        )  # fmt: skip
        assert (answer.status_code, answer.json.get("status", 200)) == (status, status), length


def test_head_and_options_answer_like_get_and_nothing(api: Program, script: dict[str, Any]) -> None:
    path = f"/scripts/{script['id']}"
    head, options = api.call("HEAD", path), api.call("OPTIONS", path)

    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", api.get(path).headers["ETag"])
    assert (options.status_code, options.data) == (200, b"")
    assert set(options.headers["Allow"].split(", ")) == {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"}


class TestTooFast:
    @pytest.fixture
    def settings(self, migrated_sqlite: bytes, tmp_path: Path, redis_url: str) -> Any:
        (tmp_path / "dastgoh.sqlite").write_bytes(migrated_sqlite)
        return settings_for(tmp_path, REDIS_URL=redis_url, API_REQUESTS_PER_MINUTE="3")

    def test_a_token_has_so_many_requests_a_minute(
        self, program: Callable[..., Program], alice: Person, bob: Person
    ) -> None:
        eager, calm = program(alice), program(bob)
        answers = [eager.get("/scripts") for _ in range(8)]  # a minute may end between them, but not two

        assert answers[0].status_code == 200
        assert answers[-1].status_code == 429, [answer.status_code for answer in answers]
        assert answers[-1].json["code"] == "RATE_LIMITED"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert calm.get("/scripts").status_code == 200
