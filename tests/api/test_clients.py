"""The client and the recipes of the documentation, against the application served over HTTP."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.api.conftest import Program

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def dastgoh_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(CLIENT))
    yield importlib.import_module("dastgoh")  # a file for others to copy, and no package of ours
    sys.modules.pop("dastgoh")


@pytest.fixture
def client(dastgoh_module: ModuleType, address: str, api: Program) -> Any:
    return dastgoh_module.Dastgoh(address, _token(api))


@pytest.fixture
def pricing(api: Program) -> dict[str, Any]:
    return api.post("/scripts", {"name": "Price an order", "source": "return context.input.total * 0.9"}).json


def test_a_script_is_called_like_a_function(client: Any, pricing: dict[str, Any]) -> None:
    assert client.run("Price an order", {"total": 200}) == 180


def test_what_goes_wrong_has_a_code_and_a_run(client: Any, dastgoh_module: ModuleType, pricing: dict[str, Any]) -> None:
    with pytest.raises(dastgoh_module.Problem) as failed:
        client.run("Price an order")
    with pytest.raises(dastgoh_module.Problem) as missing:
        client.run("No / such script?")

    assert (failed.value.status, failed.value.code, failed.value.retryable) == (502, "RUNTIME_ERROR", True)
    assert client.request("GET", f"/executions/{failed.value.execution_id}")["status"] == "failed"
    assert (missing.value.status, missing.value.execution_id) == (404, None)


def test_an_event_is_published_once(
    client: Any, dastgoh_module: ModuleType, api: Program, pricing: dict[str, Any]
) -> None:
    api.post(f"/scripts/{pricing['id']}/subscriptions", {"event_type": "order.created"})

    assert client.publish("order.created", {"total": 1}, id="e-1") == {"id": "e-1", "matched": 1}
    assert client.publish("order.created", {"total": 1}, id="e-1") == {"id": "e-1", "matched": 1}
    assert len(list(client.pages("/executions", trigger="event"))) == 1
    with pytest.raises(dastgoh_module.Problem, match="422 INVALID_INPUT"):
        client.publish("order.created", {"total": 2}, id="e-1")


def test_lists_are_read_to_their_end(client: Any, api: Program) -> None:
    for number in range(5):
        api.post("/scripts", {"name": f"Script {number}"})

    assert [item["name"] for item in client.pages("/scripts", limit=2)] == [f"Script {n}" for n in (4, 3, 2, 1, 0)]


def test_what_somebody_changed_meanwhile_is_not_overwritten(
    client: Any, dastgoh_module: ModuleType, pricing: dict[str, Any]
) -> None:
    path = f"/scripts/{pricing['id']}"
    seen, tag = client.read(path)
    assert seen["name"] == "Price an order"
    client.request("PATCH", path, {"description": "theirs"}, if_match=tag)
    with pytest.raises(dastgoh_module.Problem) as refused:
        client.request("PATCH", path, {"description": "ours"}, if_match=tag)
    assert refused.value.status == 412


def test_a_refusal_that_passes_is_waited_for(
    client: Any, dastgoh_module: ModuleType, pricing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(dastgoh_module, "time", SimpleNamespace(sleep=pauses.append))  # the server sleeps too
    date = "Sun, 22 Nov 2026 03:00:00 GMT"  # as a proxy may say it
    refusals, send = iter([(503, "2"), (429, "2"), (503, date)]), dastgoh_module.urlopen

    def busy(request: Any, timeout: float) -> Any:
        for status, pause in refusals:
            raise dastgoh_module.HTTPError(request.full_url, status, "busy", {"Retry-After": pause}, None)
        return send(request, timeout=timeout)

    monkeypatch.setattr(dastgoh_module, "urlopen", busy)

    assert client.run("Price an order", {"total": 10}) == 9
    assert pauses == [2, 2, 3]


def test_what_was_done_before_the_connection_broke_is_not_done_again(
    client: Any, dastgoh_module: ModuleType, pricing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dastgoh_module.time, "sleep", lambda _seconds: None)
    send, lost = dastgoh_module.urlopen, iter([True])

    def unreliable(request: Any, timeout: float) -> Any:
        answer = send(request, timeout=timeout)
        if next(lost, False):
            answer.close()
            raise ConnectionResetError
        return answer

    monkeypatch.setattr(dastgoh_module, "urlopen", unreliable)

    assert client.run("Price an order", {"total": 10}) == 9
    assert len(list(client.pages("/executions"))) == 1


@pytest.mark.parametrize("page", ["embedding.md", "api.md"])
def test_the_recipes_of_the_documentation_work(
    page: str, address: str, api: Program, pricing: dict[str, Any], script: dict[str, Any]
) -> None:
    environment = {
        **os.environ,
        "DASTGOH": address,
        "TOKEN": _token(api),
        "ID": script["id"],
        "PYTHONPATH": str(CLIENT),
    }
    recipes = [
        (language, text) for language, text in re.findall(r"^```(sh|python)\n(.*?)^```", _read(page), re.MULTILINE | re.DOTALL)
        if not text.startswith("flask ")
    ]  # fmt: skip
    assert recipes
    for language, text in recipes:
        command = ["sh", "-ec", text] if language == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, "problem" in done.stdout, done.stderr) == (0, False, ""), (text, done)
        assert '"status":4' not in done.stdout.replace(" ", ""), done.stdout


def _read(page: str) -> str:
    return (ROOT / "docs" / page).read_text()


def _token(api: Program) -> str:
    return api._headers["Authorization"].split()[1]
