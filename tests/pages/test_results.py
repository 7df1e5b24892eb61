"""What a run left behind, as pages show it."""

import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask_babel import force_locale

from blueprints.error_texts import TEXTS, error_text
from blueprints.results import Frame, call_trace, stack_frames
from runtime.errors import CODES
from tools.check_translations import catalogue


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def macro(macros_of: Callable[[str], Callable[..., str]]) -> Callable[..., str]:
    return macros_of("shared/results.html")


def words(markup: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def test_every_code_is_explained() -> None:
    assert set(TEXTS) == set(CODES)


@pytest.mark.parametrize("language", ["ru", "uz"])
def test_every_explanation_is_translated(language: str) -> None:
    known = catalogue(language)
    texts = [str(text) for explained in TEXTS.values() for text in explained]
    assert [text for text in texts if not (found := known.get(text)) or not found.string] == []


def test_a_code_of_the_scripts_own_is_explained_as_such() -> None:
    assert "of its own" in str(error_text("E_STOCK").cause)


def test_it_reads_every_kind_of_frame() -> None:
    stack = "TypeError: bad (script.js:9:9)\n    at f (script.js:1:21)\n    at async Shop.g (script.js:2:30)\n    at async script.js:4:1\n    at script.js:5:2"
    assert stack_frames(stack) == [Frame("f", 1, 21), Frame("Shop.g", 2, 30), Frame("", 4, 1), Frame("", 5, 2)]
    assert stack_frames(None) == []


ERROR = {"code": "HTTP_TIMEOUT", "message": "<b>no answer</b>", "source": "host", "line": 3, "column": 9, "retryable": True,
         "stack": "Error: x\n    at f (script.js:3:9)", "details": {}}  # fmt: skip


def test_an_error_says_what_why_and_what_to_do(macro: Callable[..., str]) -> None:
    shown = macro("error", ERROR, here=True)
    assert "&lt;b&gt;no answer" in shown and 'data-goto-line="3" data-goto-column="9"' in shown
    assert "Server did not answer" in shown and "Set retries or a longer timeout" in shown
    with force_locale("ru"):
        assert "Сервер не ответил" in macro("error", ERROR)


def test_a_timeout_without_a_stack_is_no_problem(macro: Callable[..., str]) -> None:
    error = {**ERROR, "code": "TIMEOUT", "line": None, "stack": None}
    assert "stack-trace" not in macro("error", error)


def test_lines_carry_level_time_and_data(macro: Callable[..., str]) -> None:
    lines = [
        {"level": "warn", "message": "a <b>", "data": {"n": 1}, "timestamp": 1795253520.578},
        {"level": "info", "message": "long", "data": {"text": "x" * 100}, "timestamp": 1795253520.6},
        {"level": "warn", "message": "… 418 log lines dropped …", "data": {"dropped": 418}, "timestamp": 1795253521},
        {"level": "error", "message": "API", "data": None, "timestamp": "2026-11-21T09:32:00.004Z"},
    ]
    shown = macro("logs", lines)
    assert "a &lt;b&gt;" in shown and ".578</time>" in shown and '<details class="log-data">' in shown
    assert "418 lines were dropped here" in words(shown)
    assert shown.count('class="log-line') == 3
    assert "The script logged nothing." in macro("logs", [])


def test_a_value_folds_and_stays_small_however_large_it_is(macro: Callable[..., str]) -> None:
    large = {f"k{n}": [{"a": list(range(50))} for _ in range(50)] for n in range(100)}
    began = time.monotonic()
    shown = macro("value", large, "out", download="/out.json")
    assert time.monotonic() - began < 5
    assert len(shown) < 300_000
    assert "Only the beginning is shown" in shown and 'href="/out.json"' in shown


@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, "", "x" * 5000, [], {}, [[]], {"items": 1, "values": {"keys": 2}}]
)
def test_any_json_can_be_shown(macro: Callable[..., str], value: object) -> None:
    assert 'class="json"' in macro("value", value, "out")


def test_a_deep_value_is_no_problem(macro: Callable[..., str]) -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    assert "…" in macro("value", deep, "out")


def _call(name: str, start: float, took: float | None, outcome: str | None = "ok") -> dict[str, Any]:
    return {"id": 1, "name": name, "started_ms": start, "duration_ms": took, "outcome": outcome, "response_bytes": 10}


def test_time_of_calls_beside_each_other_counts_once() -> None:
    trace = call_trace([_call("a", 0, 100), _call("b", 50, 100), _call("c", 300, 50)], 400)
    assert (trace.busy_ms, trace.total_ms, trace.count) == (200, 400, 3)


def test_many_equal_calls_become_one_bar(macro: Callable[..., str]) -> None:
    calls = [_call("db.query", n * 10, 5) for n in range(500)] + [_call("http.get", 6000, None, None)]
    trace = call_trace(calls, 6500)
    assert [(row.name, row.count) for row in trace.rows] == [("db.query", 500), ("http.get", 1)]
    assert "sdk.db.query ×500" in words(macro("calls", calls, 6500)) and "under way" in words(
        macro("calls", calls, 6500)
    )


def test_a_key_of_once_is_shown_with_what_became_of_it(macro: Callable[..., str]) -> None:
    calls = [
        _call("once.begin", 0, 5) | {"note": ["kept", "invoice-<7>"]},
        _call("once.begin", 9, 5) | {"note": ["first", "b"]},
    ]
    shown = macro("calls", calls, 20)
    assert "the kept result: invoice-&lt;7&gt;" in words(shown) or "the kept result: invoice-<7>" in words(shown)
    assert "<7>" not in shown
    assert "run here: b" in words(shown)


def test_more_calls_than_anybody_reads_are_counted() -> None:
    trace = call_trace([_call("ab"[n % 2], n, 1) for n in range(1000)], 1000)
    assert (len(trace.rows), trace.left_out) == (60, 940)


RUN = {"wait_ms": 4, "run_ms": 2104, "cpu_ms": 184, "peak_memory_bytes": 53_687_091, "api_calls": 23,
       "limits": {"timeout_ms": 30_000, "cpu_ms": 2_000, "memory_mb": 64, "max_api_calls": 100}}  # fmt: skip


def test_figures_stand_against_their_limits_in_the_readers_language(macro: Callable[..., str]) -> None:
    assert "51.2 MB at most 64 MB" in words(macro("meters", RUN, wide=True))
    with force_locale("ru"):
        assert "2,10 с" in words(macro("meters", RUN, wide=True)).replace("\u00a0", " ")


def test_a_run_that_never_ran_has_no_figures(macro: Callable[..., str]) -> None:
    nothing = dict.fromkeys(RUN, None)
    assert "—" in macro("meters", nothing, wide=True) and "—" in macro("meters", nothing)
