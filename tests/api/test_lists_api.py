"""Calling by name, versions, validating, and every list with its filters and pages."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.conftest import Program
from tests.conftest import Person


@pytest.fixture
def database() -> str:
    return "sqlite"


def write(api: Program, name: str, source: str = "return 1", **more: Any) -> dict[str, Any]:
    answer = api.post("/scripts", {"name": name, "source": source, **more})
    assert answer.status_code == 201, answer.text
    return answer.json


def names(api: Program, query: str) -> list[str]:
    answer = api.get(f"/scripts?{query}")
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json["items"]]


def test_a_script_is_called_by_its_name_and_answers_with_its_value(api: Program, script: dict[str, Any]) -> None:
    answer = api.post("/scripts/run/dOUBLER", {"input": {"n": 21}})

    assert (answer.status_code, answer.json["output"]) == (200, 42)
    run = api.get(f"/executions/{answer.json['execution_id']}").json
    assert (run["trigger"], run["status"], run["output"]) == ("embedded", "succeeded", 42)
    assert answer.json.keys() == {"output", "execution_id"}


@pytest.mark.parametrize("name", ["Цена / скидка", "a//b/", "/first", "50% off?", "Oʻlchov №1", "run"])
def test_whatever_the_name_may_be(api: Program, name: str) -> None:
    write(api, name, "return context.script.name")
    assert api.post(f"/scripts/run/{quote(name, safe='')}").json["output"] == name


@pytest.mark.parametrize(
    ("source", "more", "status", "code"),
    [
        ("throw new Error('no stock')", {}, 502, "RUNTIME_ERROR"),
        ("throw Object.assign(new sdk.Fatal('closed'), {code: 'SHOP_CLOSED'})", {}, 502, None),
        ("while (true);", {"limits": {"timeout_ms": 1000}}, 504, "TIMEOUT"),
        ("return (", {}, 502, "SYNTAX_ERROR"),
        ("return 1n", {}, 502, "RESULT_NOT_JSON"),
    ],
)
def test_a_script_that_fails_is_a_problem_with_the_run(
    api: Program, source: str, more: dict[str, Any], status: int, code: str | None
) -> None:
    write(api, "Fails", source, **more)
    answer = api.post("/scripts/run/Fails", {})

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert code in (None, answer.json["code"])
    run = api.get(f"/executions/{answer.json['execution_id']}").json
    assert (run["error"]["code"], run["error"]["message"]) == (answer.json["code"], answer.json["detail"])
    assert answer.json["retryable"] is run["error"]["retryable"]


def test_input_that_does_not_fit_and_a_name_that_nobody_has(api: Program) -> None:
    write(api, "Strict", parameters=[{"name": "n", "type": "integer", "required": True}])

    wrong, missing = api.post("/scripts/run/Strict", {"input": {}}), api.post("/scripts/run/Nobody", {})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "n")
    assert (missing.status_code, missing.json["code"]) == (404, "NOT_FOUND")


def test_versions_are_listed_read_and_restored(api: Program, script: dict[str, Any]) -> None:
    path = f"/scripts/{script['id']}"
    for number in (2, 3):
        api.patch(path, {"source": f"return {number}", "note": f"to {number}"})

    first = api.get(f"{path}/versions?limit=2").json
    rest = api.get(f"{path}/versions?limit=2&cursor={first['next_cursor']}").json
    assert [item["number"] for item in first["items"] + rest["items"]] == [3, 2, 1]
    assert (rest["next_cursor"], first["items"][0]["note"]) == (None, "to 3")
    old = api.get(f"{path}/versions/1").json
    assert (old["source"], old["triggers"]) == (
        script["source"],
        {"schedules": [], "endpoints": [], "subscriptions": []},
    )
    restored = api.post(f"{path}/versions/1/restore", {"base_version": 3})
    assert (restored.status_code, restored.json["version"], restored.json["source"]) == (200, 4, script["source"])
    assert api.get(f"{path}/versions/4").json["restored_from"] == 1
    assert api.post(f"{path}/versions/1/restore", {"base_version": 3}).status_code == 409
    assert {api.get(f"{path}/versions/{n}").status_code for n in (0, 9, 10**12)} == {404}
    assert api.get(f"{path}/versions?cursor=last").status_code == 422
    api.call("DELETE", path)
    assert api.get(f"{path}/versions/4").json["source"] == script["source"]


def test_code_is_checked_without_keeping_it(api: Program) -> None:
    good, bad, odd = (
        api.post("/scripts/validate", {"source": source}).json
        for source in ("return await sdk.cache.get('a')", "const a = ;", "return fetch('https://a.example')")
    )

    assert good == {"valid": True, "problems": []}
    assert (bad["valid"], bad["problems"][0]["code"], bad["problems"][0]["line"]) == (False, "SYNTAX_ERROR", 1)
    assert (odd["valid"], odd["problems"][0]["severity"], odd["problems"][0]["message"]) == (
        True, "warning", "A script has no fetch.",
    )  # fmt: skip
    assert api.post("/scripts/validate", {"source": "я" * 200_000}).status_code == 422
    assert api.get("/scripts").json["items"] == []


def test_scripts_are_found_by_words_tag_state_and_trigger(api: Program) -> None:
    write(api, "Sales report", "return 'monthly'", tags=["sales"])
    stock = write(api, "Stock", enabled=False)
    api.post(f"/scripts/{stock['id']}/schedules", {"cron": "@daily"})

    assert names(api, "words=monthly") == ["Sales report"]
    assert names(api, "tag=sales") == ["Sales report"]
    assert names(api, "state=disabled") == ["Stock"]
    assert names(api, "trigger=schedules") == ["Stock"]
    assert names(api, "trigger=none") == ["Sales report"]
    assert names(api, "status=never&state=enabled") == ["Sales report"]


def test_runs_are_found_by_status_trigger_script_code_and_time(api: Program, script: dict[str, Any]) -> None:
    thrower = write(api, "Thrower", "throw new Error('x')")
    good = api.post(f"/scripts/{script['id']}/executions", {"input": {"n": 1}, "wait": True}).json
    bad = api.post(f"/scripts/{thrower['id']}/executions", {"wait": True}).json
    called = api.post("/scripts/run/Doubler", {"input": {"n": 1}}).json
    soon = quote((datetime.now(UTC) + timedelta(hours=1)).isoformat())

    def found(query: str) -> set[str]:
        answer = api.get(f"/executions?{query}")
        assert answer.status_code == 200, answer.text
        return {item["id"] for item in answer.json["items"]}

    everything = {good["id"], bad["id"], called["execution_id"]}
    assert found("") == found(f"until={soon}") == everything
    assert found(f"since={soon}") == found("status=open") == set()
    assert found("status=failed") == found("status=unsuccessful") == found("code=RUNTIME_ERROR") == {bad["id"]}
    assert found("trigger=embedded") == {called["execution_id"]}
    assert found(f"script={thrower['id']}") == {bad["id"]}
    assert found(f"since={good['created_at']}") == everything
    first = api.get("/executions?limit=2").json
    rest = api.get(f"/executions?limit=2&cursor={first['next_cursor']}").json
    assert {item["id"] for item in first["items"] + rest["items"]} == everything
    assert "output" not in first["items"][0]


def test_a_log_is_read_from_where_its_reader_stopped(api: Program) -> None:
    talker = write(api, "Talker", "for (let i = 0; i < 5; i++) console.log('line', i)")
    run = api.post(f"/scripts/{talker['id']}/executions", {"wait": True}).json
    path = f"/executions/{run['id']}/logs"

    first = api.get(f"{path}?limit=3").json
    rest = api.get(f"{path}?limit=3&cursor={first['next_cursor']}").json

    assert [line["message"] for line in first["items"] + rest["items"]] == [f"line {n}" for n in range(5)]
    assert (first["next_cursor"], rest["next_cursor"], rest["dropped"]) == ("3", None, 0)
    assert api.get(f"{path}?cursor=-1").status_code == 422


def test_the_audit_log_is_read_by_those_who_may(
    api: Program, program: Callable[..., Program], bob: Person, script: dict[str, Any]
) -> None:
    api.patch(f"/scripts/{script['id']}", {"description": "why"})

    newest = api.get("/audit?action=script&limit=1").json["items"][0]
    assert (newest["action"], newest["actor"], newest["target_id"]) == (
        "script.updated",
        "alice@acme.test",
        script["id"],
    )
    assert newest["after"] == {"description": "why"}
    assert [one["action"] for one in api.get(f"/audit?target={script['id']}").json["items"]] == [
        "script.updated", "script.created",
    ]  # fmt: skip
    assert api.get("/audit?actor=nobody").json["items"] == []
    assert program(bob).get("/audit").status_code == 403


def test_dead_letters_are_found_by_time_too(api: Program) -> None:
    assert api.get("/dead-letters?since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00%2B05:00").json["items"] == []
    assert api.get("/dead-letters?since=2026-01-01").status_code == 422


@pytest.mark.parametrize(
    ("noun", "members"),
    [
        ("schedules", [{"cron": f"{minute} 6 * * *"} for minute in range(3)]),
        ("endpoints", [{"path": path} for path in ("c", "a", "b")]),
        ("subscriptions", [{"event_type": f"order.{name}"} for name in ("c", "a", "b")]),
    ],
)
def test_triggers_of_a_script_come_in_pages_too(
    api: Program, script: dict[str, Any], noun: str, members: list[dict[str, str]]
) -> None:
    path = f"/scripts/{script['id']}/{noun}"
    made = [api.post(path, each).json["id"] for each in members]
    api.post(
        f"/scripts/{write(api, 'Another')['id']}/{noun}",
        {**members[0], "path": "d"} if noun == "endpoints" else members[0],
    )

    first = api.get(f"{path}?limit=2").json
    rest = api.get(f"{path}?limit=2&cursor={first['next_cursor']}").json
    assert [row["id"] for row in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None
    assert api.get(f"{path}?limit=0").status_code == api.get(f"{path}?page=2").status_code == 422


@pytest.mark.parametrize(
    "moment", ["yesterday", "2026-11-22T10:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
def test_a_cursor_that_is_not_ours_is_refused(api: Program, moment: str) -> None:
    cursor = base64.urlsafe_b64encode(f"{moment}|01a1ff83-d833-7fbe-b5cf-77431d1ead7b".encode()).decode().rstrip("=")
    for path in ("/scripts", "/executions", "/dead-letters", "/audit"):
        answer = api.get(f"{path}?cursor={cursor}")
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "cursor"), path
