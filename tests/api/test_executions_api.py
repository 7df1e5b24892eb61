"""Runs by program: waiting for the answer, not waiting, stopping, repeating."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from models import Tenant
from tests.api.conftest import Program
from tests.conftest import Person
from tests.support.minutes import Minutes


def finished(api: Program, run: dict[str, Any], seconds: float = 20) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while run["status"] in ("queued", "running") and time.monotonic() < until:
        time.sleep(0.02)
        run = api.get(f"/executions/{run['id']}").json
    return run


def write(api: Program, source: str, **more: Any) -> str:
    return api.post("/scripts", {"name": f"Script {time.monotonic_ns()}", "source": source, **more}).json["id"]


def test_a_caller_who_waits_gets_the_value(api: Program, script: dict) -> None:
    answer = api.post(f"/scripts/{script['id']}/executions", {"input": {"n": 21}, "wait": True})

    assert answer.status_code == 200
    run = answer.json
    assert (run["status"], run["output"], run["trigger"], run["version"]) == ("succeeded", 42, "api", 1)
    assert (run["input"], run["error"], run["attempt"]) == ({"n": 21}, None, 1)
    assert run["started_at"] and run["finished_at"] and run["metrics"]["run_ms"] >= 0


def test_a_caller_who_does_not_wait_asks_later(api: Program) -> None:
    script_id = write(api, "await sdk.sleep(300); return 'late'")

    answer = api.post(f"/scripts/{script_id}/executions", {})

    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(answer.json["id"])
    assert finished(api, answer.json)["output"] == "late"


def test_a_failure_says_where_and_why(api: Program) -> None:
    script_id = write(api, "const a = 1;\nthrow new TypeError('no ' + a)")

    run = api.post(f"/scripts/{script_id}/executions", {"wait": True}).json

    assert run["status"] == "failed"
    error = run["error"]
    assert (error["code"], error["source"], error["line"]) == ("RUNTIME_ERROR", "runtime", 2)
    assert "no 1" in error["message"] and error["retryable"] is True


def test_log_lines_are_there_while_it_runs_and_after(api: Program) -> None:
    script_id = write(api, "console.warn('begun', {a: 1}); await sdk.sleep(3000); sdk.log.error('over')")
    run = api.post(f"/scripts/{script_id}/executions", {}).json

    until = time.monotonic() + 10
    while not run["logs"] and run["status"] != "succeeded" and time.monotonic() < until:
        time.sleep(0.02)
        run = api.get(f"/executions/{run['id']}").json

    assert (run["status"], run["logs"][0]["level"]) == ("running", "warn")
    ended = finished(api, run)
    assert [(line["level"], line["message"].split()[0]) for line in ended["logs"]] == [
        ("warn", "begun"),
        ("error", "over"),
    ]


def test_a_running_run_can_be_stopped(api: Program) -> None:
    script_id = write(api, "await sdk.sleep(20000)")
    run = api.post(f"/scripts/{script_id}/executions", {}).json
    while api.get(f"/executions/{run['id']}").json["status"] == "queued":
        time.sleep(0.01)

    asked = api.post(f"/executions/{run['id']}/cancel")
    ended = finished(api, run)

    assert asked.status_code in (200, 202)
    assert (ended["status"], ended["error"]["code"]) == ("cancelled", "CANCELLED")
    assert api.post(f"/executions/{run['id']}/cancel").status_code == 409


def test_who_stops_the_runs_of_others_needs_what_the_document_says(
    api: Program, program: Callable[..., Program], alice: Person
) -> None:
    run = api.post(f"/scripts/{write(api, 'await sdk.sleep(20000)')}/executions").json
    path = f"/executions/{run['id']}/cancel"
    said = api.get("/openapi.json").json["paths"]["/executions/{execution_id}/cancel"]["post"]["description"]
    needed = frozenset(re.findall(r"`(\w+\.\w+)`", said.partition(", or ")[0]))

    for one in needed:
        assert program(alice, needed - {one}).post(path).status_code == 403, one
    assert program(alice, needed).post(path).status_code in (200, 202)


def test_a_run_is_repeated_on_its_own_version_or_on_the_current_one(api: Program, script: dict) -> None:
    first = api.post(f"/scripts/{script['id']}/executions", {"input": {"n": 2}, "wait": True}).json
    api.patch(f"/scripts/{script['id']}", {"source": "return 'new'"})

    pinned = api.post(f"/executions/{first['id']}/replay", {"wait": True}).json
    current = api.post(f"/executions/{first['id']}/replay", {"version": "current", "wait": True}).json

    assert (pinned["output"], pinned["version"], pinned["trigger"]) == (4, 1, "replay")
    assert (current["output"], current["version"]) == ("new", 2)


def test_input_is_checked_against_the_parameters(api: Program) -> None:
    declared = [
        {"name": "n", "type": "integer", "required": True, "min": 1},
        {"name": "by", "type": "integer", "default": 2},
    ]
    script_id = write(api, "return context.input.n * context.input.by", parameters=declared)
    path = f"/scripts/{script_id}/executions"

    missing, wrong = api.post(path, {"input": {}}), api.post(path, {"input": {"n": 0}})

    assert [answer.status_code for answer in (missing, wrong)] == [422, 422]
    assert [error["field"] for error in wrong.json["errors"]] == ["n"]
    assert api.post(path, {"input": {"n": 4}, "wait": True}).json["output"] == 8


def test_the_input_has_a_size(api: Program, script: dict) -> None:
    assert api.post(f"/scripts/{script['id']}/executions", {"input": "x" * 1_048_577}).status_code == 422


def test_an_unsaved_source_runs_as_a_test_and_is_kept_with_its_run(api: Program, script: dict) -> None:
    run = api.post(f"/scripts/{script['id']}/executions", {"source": "return 'draft'", "wait": True}).json

    assert (run["output"], run["trigger"]) == ("draft", "test")
    assert api.post(f"/executions/{run['id']}/replay", {"wait": True}).json["output"] == "draft"
    assert api.get(f"/scripts/{script['id']}").json["source"] == script["source"]


def test_what_a_database_could_not_keep_is_replaced(api: Program) -> None:
    script_id = write(api, "console.log('a\\0b'); return {text: 'nul\\0', half: '\\ud800', ['k\\0']: 1}")

    run = api.post(f"/scripts/{script_id}/executions", {"wait": True}).json

    assert run["status"] == "succeeded"
    assert run["output"] == {"text": "nul\ufffd", "half": "\ufffd", "k\ufffd": 1}
    assert run["logs"][0]["message"] == "a\ufffdb"


@pytest.mark.parametrize("source", ["return 'a\0b'", "return 'half \ud800 pair'"])
def test_unsaved_code_that_no_database_could_keep_is_refused(api: Program, script: dict, source: str) -> None:
    answer = api.post(f"/scripts/{script['id']}/executions", {"source": source, "wait": True})

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "source")


def test_a_disabled_script_still_runs_by_hand(api: Program, script: dict) -> None:
    api.patch(f"/scripts/{script['id']}", {"enabled": False})

    assert api.post(f"/scripts/{script['id']}/executions", {"input": {"n": 1}, "wait": True}).json["output"] == 2


def test_a_run_belongs_to_its_tenant(
    api: Program, program: Callable[..., Program], charlie: Person, script: dict
) -> None:
    run = api.post(f"/scripts/{script['id']}/executions", {"input": {"n": 1}, "wait": True}).json
    elsewhere = program(charlie)

    assert elsewhere.get(f"/executions/{run['id']}").status_code == 404
    assert elsewhere.post(f"/executions/{run['id']}/cancel").status_code == 404
    assert elsewhere.post(f"/executions/{run['id']}/replay").status_code == 404


def test_whoever_may_execute_sees_their_own_runs_only(
    api: Program,
    program: Callable[..., Program],
    alice: Person,
    make_user: Callable[..., Person],
    acme: Any,
    script: dict,
) -> None:
    theirs = api.post(f"/scripts/{script['id']}/executions", {"input": {"n": 1}, "wait": True}).json
    caller = program(make_user("dev@acme.test", acme, role="developer"), frozenset({"scripts.read", "scripts.execute"}))

    own = caller.post(f"/scripts/{script['id']}/executions", {"input": {"n": 3}, "wait": True})

    assert (own.status_code, own.json["output"]) == (200, 6)
    assert caller.get(f"/executions/{theirs['id']}").status_code == 403


def test_a_script_calls_another_and_gets_its_value(api: Program, script: dict) -> None:
    caller = write(api, "return await sdk.scripts.run('doubler', {n: 5}) + 1")

    run = api.post(f"/scripts/{caller}/executions", {"wait": True}).json

    assert (run["output"], run["error"]) == (11, None)


@pytest.mark.parametrize("path", ["/scripts/{id}/executions", "/scripts/run/Tax"])
def test_a_tenant_that_has_had_its_runs_of_this_minute_is_told_when_to_come_again(
    api: Program, acme: Tenant, minutes: Minutes, path: str
) -> None:
    script = api.post("/scripts", {"name": "Tax", "source": "return 1"}).json
    minutes.use_up(acme.id)
    minutes.pass_by(seconds=50)
    address, key = path.format(id=script["id"]), {"Idempotency-Key": "once"}

    answer = api.call("POST", address, {}, **key)
    assert (answer.status_code, answer.mimetype) == (429, "application/problem+json")
    assert (answer.json["code"], answer.headers["Retry-After"]) == ("QUOTA_EXCEEDED", "10")
    assert "600 runs a minute" in answer.json["detail"] and "Try again in 10 s" in answer.json["detail"]
    assert api.get("/executions").json["items"] == []

    minutes.pass_by(seconds=10)
    assert api.call("POST", address, {}, **key).status_code in (200, 202), (
        "nothing was done, so the key is as good as new"
    )
