"""Schedules by program."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Program
from tests.conftest import Person


@pytest.fixture
def path(script: dict[str, Any]) -> str:
    return f"/scripts/{script['id']}/schedules"


@pytest.fixture
def schedule(api: Program, path: str) -> dict[str, Any]:
    answer = api.post(path, {"cron": "30 9 * * 1-5", "timezone": "Europe/Berlin", "input": {"n": 2}})
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_schedule_comes_back_as_it_was_given(api: Program, path: str, schedule: dict[str, Any]) -> None:
    assert {name: value for name, value in schedule.items() if name not in ("id", "next_run_at")} == {
        "cron": "30 9 * * 1-5", "timezone": "Europe/Berlin", "input": {"n": 2}, "enabled": True, "overlap": "skip",
        "misfire": "once", "jitter_seconds": 0, "starts_at": None, "ends_at": None,
    }  # fmt: skip
    assert schedule["next_run_at"].endswith("Z")
    assert api.get(path).json == {"items": [schedule], "next_cursor": None}
    assert api.get(f"{path}/{schedule['id']}").json == schedule


def test_it_is_changed_in_part_and_deleted(api: Program, path: str, schedule: dict[str, Any]) -> None:
    here = f"{path}/{schedule['id']}"
    changed = api.patch(here, {"enabled": False, "ends_at": "2999-01-01T00:00:00+05:00"}).json
    assert (changed["enabled"], changed["next_run_at"], changed["cron"]) == (False, None, schedule["cron"])
    assert changed["ends_at"] == "2998-12-31T19:00:00Z"
    assert api.call("DELETE", here).status_code == 204
    assert api.get(here).status_code == 404
    assert api.get(path).json["items"] == []


@pytest.mark.parametrize("wrong", [
    {}, {"cron": "61 * * * *"}, {"cron": 5}, {"cron": None}, {"cron": "@daily", "timezone": "Mars/Base"},
    {"cron": "@daily", "overlap": "maybe"}, {"cron": "@daily", "misfire": None}, {"cron": "@daily", "enabled": "yes"},
    {"cron": "@daily", "starts_at": "soon"}, {"cron": "@daily", "jitter_seconds": 1.5}, {"cron": "@daily", "colour": "red"},
    {"cron": "@daily", "timezone": None}, {"cron": "@daily", "next_run_at": "2999-01-01T00:00:00Z"},
])  # fmt: skip
def test_a_wrong_schedule_is_refused(api: Program, path: str, wrong: dict[str, Any]) -> None:
    answer = api.post(path, wrong)
    assert (answer.status_code, answer.json["code"]) == (422, "INVALID_INPUT")
    assert api.get(path).json["items"] == []


def test_bob_reads_and_charlie_finds_nothing(
    program: Callable[..., Program], path: str, schedule: dict[str, Any], bob: Person, charlie: Person
) -> None:
    here = f"{path}/{schedule['id']}"
    viewer, stranger = program(bob), program(charlie)
    assert viewer.get(here).json == schedule
    assert [viewer.post(path, {"cron": "@daily"}).status_code, viewer.patch(here, {"enabled": False}).status_code,
            viewer.call("DELETE", here).status_code] == [403] * 3  # fmt: skip
    assert [stranger.get(path).status_code, stranger.get(here).status_code, stranger.post(path, {"cron": "@daily"}).status_code,
            stranger.patch(here, {"enabled": False}).status_code, stranger.call("DELETE", here).status_code] == [404] * 5  # fmt: skip


def test_a_schedule_is_found_only_under_its_own_script(api: Program, path: str, schedule: dict[str, Any]) -> None:
    other = api.post("/scripts", {"name": "Another", "source": "return 1"}).json
    assert api.get(f"/scripts/{other['id']}/schedules/{schedule['id']}").status_code == 404
    assert api.patch(f"/scripts/{other['id']}/schedules/{schedule['id']}", {"enabled": False}).status_code == 404
