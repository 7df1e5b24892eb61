"""Runs from their beginning to their end, through the real engine, on both databases."""

import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from models import Execution, Script, db
from services import executions, process, scripts
from services.identity import Principal
from services.scripts import Changes
from tests.conftest import Person


@pytest.fixture
def author(app: Flask, alice: Person, as_person: Callable[[Person], Principal]) -> Iterator[Principal]:
    yield as_person(alice)
    db.session.rollback()
    process.close(app)


def write(author: Principal, source: str, **more: object) -> Script:
    return scripts.create(author, Changes(name=f"Script {time.monotonic_ns()}", source=source, **more))


def finish(author: Principal, script: Script, seconds: float = 15, **more: object) -> Execution:
    return executions.wait_for(author, executions.start(author, script.id, **more).id, seconds)


def test_a_run_returns_what_the_script_returned(author: Principal) -> None:
    script = write(author, "console.log('hello', context.input.a); return context.input.a * 2")

    ended = finish(author, script, input={"a": 21})

    assert (ended.status, ended.output, ended.error) == ("succeeded", 42, None)
    assert [line["message"] for line in ended.logs] == ["hello 21"]
    assert ended.version_number == 1 and ended.attempt == 1 and ended.run_ms is not None
