"""What few scripts and host functions do, and every script and host function may."""

import pytest

from runtime import HostError, Limits, Runtime, Source


def test_an_empty_script_gives_nothing_however_often_it_runs(rt: Runtime) -> None:
    assert rt.validate("") is None
    for _ in range(4):
        outcome = rt.execute("")
        assert (outcome.value, outcome.error) == (None, None)


def test_the_verdict_on_a_source_is_what_a_run_of_it_would_say(rt: Runtime) -> None:
    for deep in ("a" + ".b" * 100_000, "a" + "?.b" * 60_000):
        verdict = rt.validate(deep)
        assert verdict is not None
        assert verdict.code == "SYNTAX_ERROR"
        assert rt.execute(deep).error == verdict


def test_a_source_is_text_and_its_name_no_code(rt: Runtime) -> None:
    for nothing in (None, 5, b"return 1"):
        with pytest.raises(TypeError, match="a source is text"):
            rt.execute(nothing)  # type: ignore[arg-type]
    assert rt.execute(Source("return typeof evil", "x\n;globalThis.evil = 1")).value == "undefined"
    error = rt.execute("null.x", name="dastgoh").error
    assert error is not None
    assert (error.line, error.column) == (1, 6)


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("throw NaN", "NaN", None),
        ("throw -0", "-0", None),
        ("const e = new Error('x'); e.message = 5;\nthrow e", "5", 1),
        ("\nthrow new Error('it said:\\n    at other (script.js:7:7)')", "it said:\n    at other (script.js:7:7)", 2),
        ("\nthrow new Error('x'.repeat(1e6))", "x" * 4_000 + "…", 2),
        ("\nconst e = new Error('mine'), p = Proxy.revocable([], {}); p.revoke(); e.errors = p.proxy; throw e", "mine", 2),
        ("const e = new Error('x'); e.stack = 'Error: x\\n    at f (script.js:1:' + '9'.repeat(5000) + ')'; throw e", "x", None),
        (("const mk = depth => depth ? new AggregateError(Array.from({length: 10}, () => mk(depth - 1)), '\\u0001'.repeat(4000)) : 1;\n"
         "const e = mk(4); e.message = 'many'; throw e"), "AggregateError: many", 1),
    ],
    ids=["NaN", "minus zero", "a number as message", "a message like a stack", "a long message", "a revoked list", "a forged place", "a tree"],
)  # fmt: skip
def test_errors_of_odd_make_keep_message_and_line(rt: Runtime, source: str, message: str, line: int | None) -> None:
    error = rt.execute(source).error
    assert error is not None
    assert (error.code, error.message, error.line) == ("RUNTIME_ERROR", message, line)


def test_the_code_of_a_host_error_is_no_verdict_on_the_source(rt: Runtime) -> None:
    def refuse() -> None:
        raise HostError("SYNTAX_ERROR", "the script that was called is not valid")

    source = "return await sdk.t.f()  // a script that calls another"
    for _ in range(3):
        error = rt.execute(source, host={"t.f": refuse}).error
        assert error is not None
        assert (error.code, error.details) == ("SYNTAX_ERROR", {"code": "SYNTAX_ERROR"})
    assert rt.validate(source) is None
    assert rt.execute(source, host={"t.f": lambda: 1}).value == 1


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError("no")


CYCLE: dict[str, object] = {}
CYCLE["again"] = CYCLE
DEEP: list[object] = []
for _ in range(500):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "details",
    [{"a": float("nan")}, {(1, 2): 3}, CYCLE, {"a": Unspeakable()}, {"a": DEEP}, {"a": "x" * 10_000_000}],
    ids=["NaN", "odd keys", "a cycle", "unspeakable", "deep", "huge"],
)
def test_details_that_cannot_be_told_are_left_out(rt: Runtime, details: dict[str, object]) -> None:
    def refuse() -> None:
        raise HostError("HTTP_FAILED", "no", details=details)

    error = rt.execute("await sdk.t.f()", host={"t.f": refuse}).error
    assert error is not None
    assert (error.code, error.message, error.details) == ("HTTP_FAILED", "no", {"code": "HTTP_FAILED"})


@pytest.mark.parametrize("leaving", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_host_function_that_wants_to_leave_the_process_fails(rt: Runtime, leaving: type[BaseException]) -> None:
    def leave() -> None:
        raise leaving

    source = "try { await sdk.t.f() } catch (error) { return error.message }"
    assert rt.execute(source, host={"t.f": leave}).value == "t.f failed"


def test_arguments_and_log_lines_count_in_bytes(rt: Runtime) -> None:
    source = """console.log('ў'.repeat(4096)); console.log('ў'.repeat(4097)); console.log('😀'.repeat(3000));
        sdk.log.info('x', 'ў'.repeat(5000)); console.log(new Array(9000).fill(1));
        try { await sdk.t.f('ў'.repeat(1.1e6)) } catch (error) { return error.code }"""
    outcome = rt.execute(source, host={"t.f": len})
    assert outcome.value == "INVALID_INPUT"
    first, *others = outcome.logs
    assert first.message == "ў" * 4096
    for entry in others:
        assert "characters cut" in f"{entry.message} {entry.data}"
        assert max(len(entry.message.encode()), len(str(entry.data).encode())) <= 8192
    assert outcome.logs_truncated
    assert rt.execute("return await sdk.t.f('ў'.repeat(1e6))", host={"t.f": len}).value == 1_000_000


@pytest.mark.parametrize(("most", "kept"), [(0, []), (1, ["6"]), (5, ["0", "1", "2", "3", "6"]), (7, list("0123456"))])
def test_no_more_lines_are_kept_than_allowed(rt: Runtime, most: int, kept: list[str]) -> None:
    outcome = rt.execute("for (let i = 0; i < 7; i++) console.log(i)", limits=Limits(max_log_lines=most))
    assert [entry.message for entry in outcome.logs if entry.level == "info"] == kept
    assert outcome.logs_dropped == 7 - len(kept)
    assert outcome.logs_truncated == (len(kept) < 7)


def test_numbers_are_logged_as_they_are(rt: Runtime) -> None:
    assert [entry.message for entry in rt.execute("console.log(NaN, -0, 1.5, -Infinity)").logs] == [
        "NaN -0 1.5 -Infinity"
    ]


@pytest.mark.parametrize(
    "call",
    ["await sdk.t.f()", "await sdk.t.f(1n)", "sdk.crypto.hash('nope', '')", "sdk.crypto.hash('sha256', 5)", "await sdk.db.transaction(5)",
     "await sdk.once('key')"],
)  # fmt: skip
def test_errors_of_the_sdk_have_a_code_and_show_no_frame_of_ours(rt: Runtime, call: str) -> None:
    def refuse() -> None:
        raise HostError("HTTP_FAILED", "no")

    host = {"t.f": refuse, "db.begin": refuse, "once.begin": refuse}
    source = f"\ntry {{ {call} }} catch (error) {{ console.log(error); return [error.code, error.stack] }}"
    outcome = rt.execute(source, host=host)
    assert outcome.error is None
    code, stack = outcome.value
    assert code in ("HTTP_FAILED", "INVALID_INPUT")
    for shown in (stack, outcome.logs[0].message):
        assert "script.js:2:" in shown
        assert "prelude" not in shown
