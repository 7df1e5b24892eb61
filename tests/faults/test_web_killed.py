"""A process of the web server that is killed with -9 while its runs go on: their slots keep nobody waiting for long."""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from models import Execution, Script, db
from models.tenancy import as_system, as_tenant
from services import process, scripts, tokens
from settings import Settings
from tests.conftest import Person
from tests.support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
AT_ONCE = 3
SOURCE = "if (context.input.long) for (;;) await sdk.sleep(500); return 'done'"
WITHIN_S = 30  # a busy machine; a slot that nobody frees is taken for 360

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def script(app: Flask, alice: Person) -> Iterator[Script]:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        limits = {"concurrency": AT_ONCE, "timeout_ms": 300_000}
        yield scripts.create(alice.principal, scripts.Changes(name="Slow at times", source=SOURCE, limits=limits))
    process.close(app)


@pytest.fixture
def server(settings: Settings, script: Script) -> Iterator[Callable[[], int]]:
    """Each is a `flask web` of its own, on the port it answers with."""
    stacks = []

    def start() -> int:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        stacks.append(Stack(
            {"DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url,
             "PORT": str(port), "LOG_LEVEL": "ERROR", "SCRIPT_VM_POOL_SIZE": "4", "DRAIN_SECONDS": "1"},
            settings.data_dir / f"log-{port}",
        ))  # fmt: skip
        stacks[-1].start("web")
        return port

    yield start
    for stack in stacks:
        stack.stop()


@pytest.fixture
def call(app: Flask, alice: Person) -> Call:
    """The script, by its name: whoever calls waits for its value."""
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        secret = tokens.create(alice.principal, "caller", ("scripts.read", "scripts.execute")).secret

    def post(port: int, path: str = "/scripts/run/Slow%20at%20times", **body: Any) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    return post


def until(done: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} within 90 s")


def answers(call: Call, port: int) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            return call(port, input={})[0] == 200
        except (OSError, HTTPException):
            return False

    return ask


def in_background(call: Call, port: int, path: str) -> None:
    """Whose answer nobody will get."""

    def ask() -> None:
        with contextlib.suppress(OSError, HTTPException):
            call(port, path, input={"long": True})

    threading.Thread(target=ask, daemon=True).start()


def going(app: Flask) -> dict[UUID, int]:
    """The runs that rows say go on, and the process of each."""
    with app.app_context(), as_system(db.session):
        rows = db.session.execute(select(Execution.id, Execution.leased_by).where(Execution.status == "running")).all()
        db.session.rollback()
    return {run_id: int(name.split(":")[1]) for run_id, name in rows}


def test_slots_of_a_killed_server_process_are_free_and_those_of_a_living_one_stay_taken(app, script, server, call):
    by_name, executed = "/scripts/run/Slow%20at%20times", f"/scripts/{script.id}/executions"
    killed, other = server(), server()
    for port in (killed, other):
        until(answers(call, port), "the server answers")
    in_background(call, other, by_name)
    [living] = until(lambda: going(app), "a run goes on")
    for path in (by_name, executed):
        in_background(call, killed, path)
    runs = until(lambda: len(found := going(app)) == AT_ONCE and found, "all runs go on")
    slots = app.extensions["redis"]
    until(lambda: slots.zcard(f"slots:script:{script.id}") == AT_ONCE, "they hold all slots")
    assert call(killed, input={})[0] == call(other, input={})[0] == 429

    for pid in {pid for run_id, pid in runs.items() if run_id != living}:
        os.kill(pid, signal.SIGKILL)
    killed_at = time.monotonic()
    until(answers(call, killed), "its slots are free")
    assert time.monotonic() - killed_at < WITHIN_S
    assert going(app).keys() == runs.keys(), "what became of the runs themselves the sweep will say"

    for _ in range(AT_ONCE - 1):
        in_background(call, killed, by_name)
    until(lambda: len(going(app).keys() - runs.keys()) == AT_ONCE - 1, "they are taken again")
    assert living in going(app)
    assert {call(port, input={})[0] for port in (killed, other)} == {429}, "and that of the other was never free"
