"""Programs that come at the same moment. On both databases: each has its own way to let one of them go first."""

import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask

from models import Execution, Script
from tests.api.conftest import Program
from tests.api.test_repeats_api import KEY, count


def test_while_the_first_goes_on_the_second_is_told_so(app: Flask, api: Program, script: dict[str, Any]) -> None:
    api.patch(f"/scripts/{script['id']}", {"source": "await sdk.sleep(3000); return 1"})
    path, given, answers = f"/scripts/{script['id']}/executions", {"wait": True}, []
    first = threading.Thread(target=lambda: answers.append(api.call("POST", path, given, **KEY)))
    first.start()
    while not api.get("/executions").json["items"]:
        time.sleep(0.02)
    second = Program(app, api._headers["Authorization"].split()[1]).call("POST", path, given, **KEY)
    first.join(30)
    third = api.call("POST", path, given, **KEY)

    assert (second.status_code, second.json["code"]) == (409, "CONFLICT")
    assert (answers[0].status_code, third.json) == (200, answers[0].json)
    assert count(app, Execution) == 1


def test_of_many_at_once_one_is_done(app: Flask, api: Program, side_by_side: Callable[..., list[Any]]) -> None:
    secret = api._headers["Authorization"].split()[1]
    answers = side_by_side(*[lambda: Program(app, secret).call("POST", "/scripts", {"name": "Once"}, **KEY)] * 4)

    assert count(app, Script) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1


def test_of_two_who_saw_the_same_one_changes_it(
    app: Flask, api: Program, script: dict[str, Any], side_by_side: Callable[..., list[Any]]
) -> None:
    path, secret = f"/scripts/{script['id']}", api._headers["Authorization"].split()[1]
    tag = {"If-Match": api.get(path).headers["ETag"]}
    answers = side_by_side(*[
        lambda text=text: Program(app, secret).call("PATCH", path, {"description": text}, **tag) for text in "abcd"
    ])  # fmt: skip

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert [a.json["description"] for a in answers if a.status_code == 200] == [api.get(path).json["description"]]
