"""What a run gives back, and what a script sees."""

import json
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime import CallTrace, HostError, Limits, LogEntry, Outcome, Runtime, Source
from runtime.calls import current_call

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values)
def test_json_values_go_in_and_out_unchanged(rt: Runtime, value: object) -> None:
    outcome = rt.execute("return await sdk.echo.back(context.input)", input=value, host={"echo.back": lambda got: got})
    assert outcome.value == value, outcome.error


def test_undefined_is_none(rt: Runtime) -> None:
    outcome = rt.execute("const unused = 1")
    assert outcome.ok
    assert outcome.value is None


def test_line_and_column_of_a_syntax_error_are_exact_on_every_line(rt: Runtime) -> None:
    for source, line, column in [
        ("const b=;", 1, 9),
        ("const a=1;\nconst b=;", 2, 9),
        ("if (1) {", 1, 9),
        ("a }", 1, 3),
        ("function f() {\n  return 1;\n}}\nconst x = f();\nawait x", 3, 2),
        ("if (x) {\r\n}\r\n} else {\r\n}", 3, 1),
        ("'}' + `}${'}'}` } // }\n/* } */", 1, 17),
        ("'😀'; } {", 1, 7),
        ("({ a() {} } }", 1, 13),
        ("foo({ a: [1 })", 1, 13),
        ("'😀'; foo(", 1, 11),
        ("a;\u2028\u2029 const b=;", 3, 10),
        ("\ufeffconst b=;", 1, 10),
        (" " * 100_000 + "const b=;", 1, 100_009),
    ]:
        error = rt.validate(source)
        assert error is not None
        assert (error.code, error.line) == ("SYNTAX_ERROR", line)
        assert error.column == column
        assert rt.execute(source).error == error


@pytest.mark.parametrize(
    "source",
    ["})", "}); globalThis.x = 1; (async()=>{", "}}; globalThis.x = 1; if(0){async function g(){", "}, (async()=>{", "}\n)//",
     "}, a, async()=>{", "/*", "`", "}}{{", "} await 1; {", "}(1), async function(){", "}.x, function(){", "}`${1}`, async () => {"],
)  # fmt: skip
def test_a_source_that_closes_its_wrapper_is_a_syntax_error_and_runs_nothing(rt: Runtime, source: str) -> None:
    for outcome in (rt.validate(source), rt.execute(source).error):
        assert outcome is not None
        assert outcome.code == "SYNTAX_ERROR"


def test_a_runtime_error_names_the_users_line_and_only_their_frames(rt: Runtime) -> None:
    error = rt.execute("function inner() {\n  null.x\n}\ninner()", name="orders.js").error
    assert error is not None
    assert (error.code, error.line, error.column) == ("RUNTIME_ERROR", 2, 8)
    assert error.stack is not None
    assert [line for line in error.stack.split("\n")[1:] if "orders.js" not in line] == []
    assert "orders.js:4:1" in error.stack


def test_things_that_are_no_errors_are_reported_faithfully(rt: Runtime) -> None:
    def message(source: str) -> str:
        error = rt.execute(source).error
        assert error is not None
        return error.message

    assert message("throw {code: 1}") == '{"code":1}'
    assert message("throw null") == "null"
    assert message("throw undefined") == "undefined"
    assert message("await Promise.reject(7)") == "7"
    assert message("throw 'plain'") == "plain"


def test_causes_and_aggregates_are_kept(rt: Runtime) -> None:
    error = rt.execute("throw new Error('outer', { cause: new TypeError('inner') })").error
    assert error is not None
    assert error.details["cause"]["message"] == "TypeError: inner"
    error = rt.execute("await Promise.any([Promise.reject(new Error('a')), Promise.reject(new Error('b'))])").error
    assert error is not None
    assert [item["message"] for item in error.details["errors"]] == ["a", "b"]


def test_fatal_and_retry_after_decide_about_the_next_attempt(rt: Runtime) -> None:
    fatal = rt.execute("throw new sdk.Fatal('never again')").error
    later = rt.execute("throw new sdk.RetryAfter(30, 'busy')").error
    assert fatal is not None
    assert later is not None
    assert (fatal.code, fatal.retryable, fatal.details, fatal.message) == (
        "RUNTIME_ERROR",
        False,
        {"fatal": True},
        "never again",
    )
    assert (later.retryable, later.details) == (True, {"retry_after": 30})


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [("-5", 0), ("1e300", 1e9), ("Infinity", 1e9), ("'7'", 7), ("NaN", None), ("undefined", None), ("'soon'", None)],
)
def test_an_odd_wait_is_bounded_or_no_wish(rt: Runtime, seconds: str, kept: float | None) -> None:
    error = rt.execute(f"throw new sdk.RetryAfter({seconds}, 'busy')").error
    assert error is not None
    assert (error.retryable, error.details.get("retry_after")) == (True, kept)


def test_the_context_is_frozen_deeply(rt: Runtime) -> None:
    script = """'use strict'; const failed = [];
        for (const change of [() => { context.input.a.b = 1 }, () => { context.x = 1 }, () => { delete context.input },
                              () => { context.input.list.push(1) }, () => { context = 1 }, () => { sdk.log = 1 }, () => { sdk.log.info = 1 }])
            try { change(); failed.push(String(change)) } catch (e) { if (!(e instanceof TypeError)) failed.push(String(e)) }
        return { failed, same: context === ctx, input: context.input }"""
    outcome = rt.execute(script, input={"a": {"b": 0}, "list": []}, context={"tenant": {"id": 1}})
    assert outcome.value == {"failed": [], "same": True, "input": {"a": {"b": 0}, "list": []}}


def test_log_lines_stream_as_they_happen(rt: Runtime) -> None:
    seen: list[tuple[LogEntry, float]] = []
    outcome = rt.execute(
        "console.log('a', {b: 1}, [2]); await sdk.sleep(300); sdk.log.error('c', {d: 1}); console.error(new Error('e').message)",
        on_log=lambda entry: seen.append((entry, time.monotonic())),
    )
    assert [(entry.level, entry.message, entry.data) for entry, _ in seen] == [
        ("info", 'a {"b":1} [2]', None), ("error", "c", {"d": 1}), ("error", "e", None),
    ]  # fmt: skip
    assert outcome.logs == [entry for entry, _ in seen]
    assert seen[1][1] - seen[0][1] > 0.2


def test_too_many_and_too_long_lines_keep_head_and_tail(rt: Runtime) -> None:
    outcome = rt.execute("for (let i = 0; i < 5000; i++) console.log('line ' + i)", limits=Limits(max_log_lines=100))
    messages = [entry.message for entry in outcome.logs]
    assert messages[0] == "line 0"
    assert messages[-1] == "line 4999"
    assert outcome.logs_truncated
    assert outcome.logs_dropped == 4900
    assert len(messages) == 101
    long = rt.execute("console.log('x'.repeat(100000) + 'end')")
    assert len(long.logs[0].message) <= 8192
    assert long.logs[0].message.endswith("end")
    assert long.logs_truncated


def test_the_lines_before_a_kill_are_kept(rt: Runtime) -> None:
    outcome = rt.execute("console.log('last words'); while (true) {}", limits=Limits(timeout_ms=200))
    assert [entry.message for entry in outcome.logs] == ["last words"]


def test_host_calls_run_concurrently_and_are_traced(rt: Runtime) -> None:
    together = threading.Barrier(4, timeout=8)

    def meet(value: int) -> int:
        together.wait()
        return value

    told: list[CallTrace] = []
    outcome = rt.execute(
        "return await Promise.all([1,2,3,4].map(n => sdk.t.meet(n)))", host={"t": {"meet": meet}}, on_call=told.append
    )
    assert outcome.value == [1, 2, 3, 4]
    assert [(call.name, call.outcome) for call in outcome.calls] == [("t.meet", "ok")] * 4
    assert outcome.metrics.api_calls == 4
    assert len(told) == 8


def test_host_errors_carry_their_code_and_nothing_of_ours(rt: Runtime) -> None:
    def refuse() -> None:
        raise HostError("HTTP_BLOCKED", "not that address", details={"host": "10.0.0.1"})

    def bug() -> None:
        raise RuntimeError("/secret/path")

    host = {"t": {"refuse": refuse, "bug": bug}}
    caught = rt.execute(
        "try { await sdk.t.refuse() } catch (e) { return [e.code, e.message, e.details, e instanceof Error] }",
        host=host,
    )
    assert caught.value == ["HTTP_BLOCKED", "not that address", {"host": "10.0.0.1"}, True]
    error = rt.execute("\nawait sdk.t.refuse()", host=host).error
    assert error is not None
    assert (error.code, error.source, error.retryable, error.line) == ("HTTP_BLOCKED", "host", False, 2)
    leak = rt.execute("try { await sdk.t.bug() } catch (e) { return e.message + e.stack }", host=host)
    assert "/secret" not in leak.value
    assert "Runtime" not in leak.value


def test_the_call_budget_ends_calls_not_the_run(rt: Runtime) -> None:
    script = "let n = 0; try { for (;;) { await sdk.t.f(); n++ } } catch (e) { return [n, e.code] }"
    assert rt.execute(script, host={"t.f": lambda: 1}, limits=Limits(max_api_calls=5)).value == [5, "API_CALL_LIMIT"]
    uncaught = rt.execute("for (;;) await sdk.t.f()", host={"t.f": lambda: 1}, limits=Limits(max_api_calls=5)).error
    assert uncaught is not None
    assert uncaught.code == "API_CALL_LIMIT"


def test_a_hanging_host_call_ends_with_the_run(rt: Runtime) -> None:
    told = threading.Event()

    def hang() -> None:
        call = current_call()
        assert call is not None
        assert call.name == "t.hang"
        assert call.remaining() <= 0.3
        call.cancelled.wait(20)
        told.set()

    outcome = rt.execute("await sdk.t.hang()", host={"t.hang": hang}, limits=Limits(timeout_ms=300))
    assert outcome.error is not None
    assert outcome.error.code == "TIMEOUT"
    assert outcome.calls[0].outcome == "CANCELLED"
    assert told.wait(5)


def test_timers_fire_in_order_and_can_be_cleared(rt: Runtime) -> None:
    script = """const seen = []; setTimeout(() => seen.push('late'), 60); setTimeout((x) => seen.push(x), 5, 'early');
        const gone = setTimeout(() => seen.push('never'), 20); clearTimeout(gone);
        let n = 0; await new Promise(done => { const id = setInterval(() => { if (++n === 3) { clearInterval(id); done() } }, 2) });
        await sdk.sleep(100); return [seen, n]"""
    assert rt.execute(script).value == [["early", "late"], 3]
    assert rt.execute("setTimeout(() => { while (true); }, 1); return 1").value == 1


def test_crypto_agrees_with_known_answers(rt: Runtime) -> None:
    script = """const c = sdk.crypto; return [c.hash('sha256', 'abc'), c.hmac('sha256', 'key', 'data', 'base64'), c.timingSafeEqual('a', 'a'),
        c.timingSafeEqual('a', 'b'), /^[0-9a-f-]{36}$/.test(c.randomUUID()), c.randomBytes(4).length, c.hash('sha1', new Uint8Array([97, 98, 99]))]"""
    assert rt.execute(script).value == [
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "UDH+PZicbRU3oBP6bnOdojRj/a7DtwE32Cjjas4iG9A=",
        True, False, True, 4, "a9993e364706816aba3e25717850c26c9cd0d89d",
    ]  # fmt: skip
    refused = rt.execute("sdk.crypto.hash('whirlpool', 'x')").error
    assert refused is not None
    assert refused.code == "INVALID_INPUT"


def test_http_shims_ask_one_name(rt: Runtime) -> None:
    asked: list[dict[str, object]] = []

    def request(options: dict[str, object]) -> dict[str, object]:
        asked.append(options)
        return {"status": 200, "headers": {}, "body": json.dumps({"ok": True})}

    script = "const a = await sdk.http.post('u', {x: 1}, {timeout: 5}); await sdk.http.get('v', {query: {q: 1}}); return [a.status, a.json()]"
    assert rt.execute(script, host={"http": {"request": request}}).value == [200, {"ok": True}]
    assert asked == [
        {"method": "POST", "url": "u", "body": {"x": 1}, "timeout": 5}, {"method": "GET", "url": "v", "query": {"q": 1}},
    ]  # fmt: skip


def test_a_transaction_commits_on_return_and_rolls_back_on_throw(rt: Runtime) -> None:
    said: list[object] = []

    def note(name: str, answer: object = None) -> object:
        return lambda *args: (said.append((name, *args)), answer)[1]

    host = {"db": {"query": note("query", []), "execute": note("execute"), "begin": note("begin", "t1"), "txQuery": note("txQuery", [{"n": 1}]),
                   "txExecute": note("txExecute"), "commit": note("commit"), "rollback": note("rollback")}}  # fmt: skip
    good = rt.execute("return await sdk.db.transaction(async tx => (await tx.queryOne('q', [1])).n)", host=host)
    assert good.value == 1, good.error
    assert said == [("begin",), ("txQuery", "t1", "q", [1]), ("commit", "t1")]
    said.clear()
    bad = rt.execute("await sdk.db.transaction(async tx => { throw new Error('no') })", host=host)
    assert bad.error is not None
    assert bad.error.message == "no"
    assert said == [("begin",), ("rollback", "t1")]
    nested = rt.execute("await sdk.db.transaction(() => sdk.db.transaction(() => 1))", host=host).error
    assert nested is not None
    assert nested.code == "DB_FORBIDDEN"


def test_once_runs_a_thing_once(rt: Runtime) -> None:
    answers = iter([{"state": "wait", "retry_ms": 5}, {"state": "run", "token": "k"}, {"state": "done", "value": 9}])
    finished: list[object] = []
    host = {
        "once": {
            "begin": lambda key: next(answers),
            "finish": lambda *args: finished.append(args),
            "fail": lambda *args: None,
        }
    }
    assert rt.execute("return [await sdk.once('a', () => 7), await sdk.once('a', () => 8)]", host=host).value == [7, 9]
    assert finished == [("a", "k", 7)]


def test_input_that_is_too_large_or_not_json_is_refused(rt: Runtime) -> None:
    for value in ("x" * 2_000_000, {1, 2}, float("nan")):
        error = rt.execute("return 1", input=value).error
        assert error is not None
        assert error.code == "INVALID_INPUT"


def test_a_run_is_cancelled_from_another_thread(rt: Runtime) -> None:
    started = threading.Event()
    threading.Thread(target=lambda: (started.wait(5), time.sleep(0.1), rt.cancel("to-cancel"))).start()
    outcome = rt.execute("while (true) {}", execution_id="to-cancel", on_start=started.set)
    assert outcome.error is not None
    assert outcome.error.code == "CANCELLED"
    assert not rt.cancel("to-cancel")


def test_a_run_can_be_cancelled_at_every_moment_of_its_life(rt: Runtime) -> None:
    """While it waits, begins, computes, calls, logs and ends; fifty at a time, on four engines."""
    outcomes: dict[int, Outcome] = {}

    def run(at: int) -> None:
        script = (
            "console.log(1); await sdk.t.f(1); let n = 0; while (n < 1e6) n++; await sdk.sleep(3); return context.input"
        )
        outcomes[at] = rt.execute(script, input=at, host={"t.f": lambda value: value}, execution_id=f"run-at-{at}")

    threads = [threading.Thread(target=run, args=(at,)) for at in range(50)]
    for thread in threads:
        thread.start()
    for at in range(50):
        time.sleep(0.002)
        rt.cancel(f"run-at-{at}")
    for thread in threads:
        thread.join(30)
    assert len(outcomes) == 50
    for at, outcome in outcomes.items():
        assert outcome.value == at if outcome.error is None else outcome.error.code == "CANCELLED"
    assert any(outcome.error for outcome in outcomes.values())
    assert rt.execute("return 'well'").value == "well"


def test_a_listener_to_starts_that_fails_changes_nothing(rt: Runtime) -> None:
    def fail() -> None:
        raise RuntimeError("a bug of the listener's")

    assert rt.execute("return 1", on_start=fail).value == 1


def test_the_cache_knows_sources_it_has_seen(rt: Runtime) -> None:
    source = Source("return 'seen before'")
    before = rt.metrics()["compile_cache"]
    assert not rt.execute(source).metrics.cached
    assert rt.execute(source).metrics.cached
    rt.invalidate(source)
    assert not rt.execute(source).metrics.cached
    after = rt.metrics()["compile_cache"]
    assert (after["hits"] - before["hits"], after["misses"] - before["misses"]) == (1, 2)


def test_a_hot_source_is_prepared_ahead(rt: Runtime) -> None:
    def prepared() -> bool:
        time.sleep(0.05)
        return rt.execute("return 'hot'").metrics.prepared

    assert any(prepared() for _ in range(100))


def test_the_probe_finds_the_engine_well_while_the_pool_is_busy(rt: Runtime) -> None:
    busy = [threading.Thread(target=lambda: rt.execute("await sdk.sleep(800)")) for _ in range(6)]
    for thread in busy:
        thread.start()
    assert rt.probe() is None
    for thread in busy:
        thread.join()


def test_what_is_nested_too_deeply_is_refused_or_shown_as_text(rt: Runtime) -> None:
    script = """let deep = 'end'; for (let at = 0; at < 500; at++) deep = [deep];
        sdk.log.info('deep', deep); console.log(deep); sdk.log.info('not deep', '['.repeat(500));
        try { await sdk.t.f(deep) } catch (error) { return [error.code, await sdk.t.f('still alive')] }"""
    outcome = rt.execute(script, host={"t.f": lambda value: value})
    assert outcome.value == ["INVALID_INPUT", "still alive"], outcome.error
    assert [call.outcome for call in outcome.calls] == ["INVALID_INPUT", "ok"]
    assert str(outcome.logs[0].data).startswith("[[[")
    assert outcome.logs[2].data == "[" * 500


def test_a_rejection_nobody_handled_is_told_in_the_log_of_its_run(rt: Runtime) -> None:
    def refuse() -> None:
        raise HostError("HTTP_BLOCKED", "not there")

    script = """Promise.reject(new TypeError('forgotten'));
        const later = Promise.reject(new Error('handled in the end')); await null; later.catch(() => 1);
        sdk.t.f(); await sdk.sleep(50);
        Promise.reject('outside all code').then(() => 1); await null; await null;
        return 'fine'"""
    outcome = rt.execute(script, host={"t.f": refuse})
    assert outcome.value == "fine"
    assert [(entry.level, entry.message) for entry in outcome.logs] == [
        ("error", "Unhandled rejection: TypeError: forgotten\n    at script.js:1:16"),
        ("error", "Unhandled rejection: Error: not there"),
        ("error", "Unhandled rejection: outside all code"),
    ]
    assert rt.execute("return 1").logs == []


def test_rejections_of_every_kind_and_number_harm_nothing(rt: Runtime) -> None:
    script = """const trap = () => { throw 1 };
        for (const thrown of [undefined, null, 1n, Symbol('s'), {}, [], () => 1, Object.create(null), new Date(NaN),
            new Proxy({}, { get: trap, getPrototypeOf: trap, ownKeys: trap }), new Proxy(new Error('p'), { get: trap }),
            Object.defineProperty(new Error('g'), 'message', { get: trap }), Object.defineProperty(new Error('g'), 'stack', { get: trap }),
            { toString: trap, get message() { return trap() } }, Object.create(new Error('inherited')), 'x'.repeat(1e6), '\\ud800'])
            Promise.reject(thrown);
        const deeper = () => { Promise.reject(new Error('deep')); try { deeper() } catch {} };
        deeper();
        for (let at = 0; at < 10000; at++) Promise.reject(at);
        new Promise((resolve, reject) => { resolve(1); reject(2); resolve(3) });
        return 'alive'"""
    outcome = rt.execute(script)
    assert outcome.value == "alive", outcome.error
    assert 10 < len(outcome.logs) <= 20
    assert max(len(entry.message) for entry in outcome.logs) < 1_100


@pytest.mark.parametrize(
    "tail",
    ["for (;;) await null", "await sdk.sleep(1); for (;;);", "setInterval(() => 1, 0); await new Promise(() => {})"],
)
def test_what_goes_on_after_the_end_hinders_nobody(rt: Runtime, tail: str) -> None:
    for at in range(3):
        assert rt.execute(f"(async () => {{ await null; {tail} }})(); return context.input", input=at).value == at
        assert rt.execute("return 'next'").value == "next"
