"""sdk.db as scripts meet it: in a real engine, on both databases."""

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import Limits, Outcome, Runtime, RuntimeConfig
from runtime.host import DbApi, current_call
from services import typings
from tests.support.business import World


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    runtime = Runtime(RuntimeConfig(pool_size=1))
    yield runtime
    runtime.close(drain_seconds=1)


@pytest.fixture
def run(runtime: Runtime, make_world: Callable[..., World]) -> Callable[..., Outcome]:
    world = make_world(running_call=current_call)

    def run(source: str, **options: Any) -> Outcome:
        db = world.database.for_tenant(world.tenant)
        try:
            return runtime.execute(source, host={"db": DbApi().bind(SimpleNamespace(db=db))}, **options)
        finally:
            db.close()

    return run


def payments(run: Callable[..., Outcome]) -> int:
    return run("return (await sdk.db.queryOne('SELECT count(*) AS n FROM payments')).n").value


EXAMPLES = [member for member in typings.members() if member.example and member.path.startswith("sdk.db.")]


@pytest.mark.parametrize("member", EXAMPLES, ids=lambda member: member.path)
def test_the_examples_of_the_documentation_run(run: Callable[..., Outcome], member: typings.Member) -> None:
    out = run(member.example)
    assert out.error is None
    assert out.value


def test_every_call_of_sdk_db_has_an_example() -> None:
    assert {member.path for member in EXAMPLES} == {
        f"sdk.db.{name}" for name in ("query", "queryOne", "execute", "transaction")
    }


def test_query_one_without_a_row_is_null(run: Callable[..., Outcome]) -> None:
    assert run("return await sdk.db.queryOne('SELECT id FROM clients WHERE id = ?', [-1])").value is None


@pytest.mark.parametrize("call", ["sdk.db.query('SELECT ? AS x', [0 / 0])", "sdk.db.queryOne('SELECT :a AS x', { a: 1 / 0 })",
                                  "sdk.db.transaction(tx => tx.query('SELECT ? AS x', [-1 / 0]))"])  # fmt: skip
def test_a_number_without_json_does_not_become_null(run: Callable[..., Outcome], call: str) -> None:
    out = run(f"return await {call}")
    assert out.error is not None
    assert (out.error.code, "NaN" in out.error.message) == ("INVALID_INPUT", True)


def test_a_throw_rolls_the_transaction_back_and_comes_through(run: Callable[..., Outcome]) -> None:
    out = run("""
        await sdk.db.transaction(async tx => { await tx.execute("DELETE FROM payments"); throw new Error("no"); });
    """)
    assert out.error is not None
    assert "no" in out.error.message
    assert payments(run) == 16


def test_a_transaction_returns_its_value_and_keeps_its_changes(run: Callable[..., Outcome]) -> None:
    out = run("return await sdk.db.transaction(async tx => (await tx.execute('DELETE FROM payments')).rowsAffected)")
    assert out.value == 16
    assert payments(run) == 0


@pytest.mark.parametrize("ending", ["for (;;);", "await new Promise(() => {})"])
def test_a_timeout_inside_a_transaction_leaves_nothing(run: Callable[..., Outcome], ending: str) -> None:
    out = run(
        f"await sdk.db.transaction(async tx => {{ await tx.execute('DELETE FROM payments'); {ending} }});",
        limits=Limits(timeout_ms=1500),
    )
    assert out.error is not None
    assert payments(run) == 16


def test_nested_transactions_are_refused_by_name(run: Callable[..., Outcome]) -> None:
    out = run("""
        try { await sdk.db.transaction(async () => sdk.db.transaction(async () => 1)); }
        catch (error) { return [error.code, error.message.includes("ransaction")]; }
    """)
    assert out.value == ["DB_FORBIDDEN", True]


@pytest.mark.parametrize("arguments", ["", "5", "'  '", "null", "{}", "'SELECT 1 AS x', 'x'", "'SELECT 1 AS x', 5"])
def test_hostile_arguments_are_refused(run: Callable[..., Outcome], arguments: str) -> None:
    out = run(f"try {{ await sdk.db.query({arguments}); }} catch (error) {{ return error.code; }}")
    assert out.value == "INVALID_INPUT"


def test_many_queries_at_once_all_answer(run: Callable[..., Outcome]) -> None:
    out = run(
        "return (await Promise.all(Array.from({length: 40}, (_, n) => sdk.db.queryOne('SELECT ? AS n', [n])))).length"
    )
    assert out.value == 40


def test_a_cancelled_run_lets_go_of_the_database(run: Callable[..., Outcome], runtime: Runtime) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n"
    timer = threading.Timer(0.5, runtime.cancel, ["cancel-me"])
    started = time.monotonic()
    out = run(f"return await sdk.db.query({endless!r})", execution_id="cancel-me", on_start=timer.start)
    assert out.error is not None
    assert time.monotonic() - started < 4.5
    assert payments(run) == 16
