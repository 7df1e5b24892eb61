"""Hostile arguments for every call of the SDK: a coded error for the script, nothing of ours in it, and nothing left behind."""

from collections.abc import Callable

import pytest

from models import Tenant
from runtime import Limits, Outcome
from services import typings
from services.grants import RunFacts

Facts = Callable[..., RunFacts]
Run = Callable[..., Outcome]

CALLS = sorted(
    member.path for member in typings.members()
    if member.path.startswith("sdk.") and member.is_call and not member.path.startswith(("sdk.sleep", "sdk.Fatal", "sdk.RetryAfter"))
)  # fmt: skip

HOSTILE = """
const trap = () => { throw new Error("trap"); };
const cyclic = {}; cyclic.self = cyclic;
const values = [
    undefined, null, true, false, 0, -1, 1.5, NaN, Infinity, -0, 2 ** 53, 1e308, "", " ", "\\0", "\\ud800", "\\u202e", "__proto__", "constructor",
    "x".repeat(100000), "x".repeat(3000000), 5n, Symbol("s"), () => 1, async () => { throw trap; }, class {}, [], [[]], {}, Object.create(null), new Date(NaN),
    new Map([[1, 2]]), new Uint8Array(10), new Error("e"), Promise.resolve(1), new Proxy({}, { get: trap, ownKeys: trap, has: trap }),
    new Proxy(() => 1, { apply: trap, get: trap }), { get a() { return trap(); } }, { toJSON: trap }, { toJSON: () => "k" }, { toString: trap, valueOf: trap },
    { then: trap }, { length: 1e9 }, cyclic, { ["__proto__"]: { a: 1 } }, new Array(100000).fill(0), "../../etc/passwd", "'; DROP TABLE clients --",
    { url: "file:///etc/passwd" }, ["GET", "x"], globalThis, sdk, context,
];
"""
ATTEMPT = """
const call = context.input.split(".").slice(1).reduce((at, name) => at[name], sdk);
const codes = {};
const attempt = async (...args) => {
    let code = "answered";
    try { await call(...args); } catch (error) {
        const text = String(error && error.message);
        if (/\\/(work|home|usr|srv|tmp)\\/|Traceback|File "|sqlalchemy|psycopg|redis\\./i.test(text)) throw new Error("LEAK " + text.slice(0, 300));
        code = error === undefined ? "undefined" : String(error.code ?? error.name ?? typeof error);
    }
    codes[code] = (codes[code] ?? 0) + 1;
};
for (const value of values) { await attempt(value); await attempt("k", value); await attempt("k", "k", value); await attempt(value, value, value, value); }
return codes;
"""
RATES = {f"{api}_per_minute": 100_000 for api in ("db", "http", "cache", "events")}


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("database", ["sqlite"])
def test_hostile_arguments_get_a_coded_error(run: Run, facts_of: Facts, acme: Tenant, path: str) -> None:
    limits = Limits(timeout_ms=60_000, max_api_calls=5_000, memory_mb=256)
    out = run(facts_of(acme, limits=RATES), HOSTILE + ATTEMPT, input=path, limits=limits)
    assert out.error is None, out.error
    assert out.value
    # A bug of ours would show as the code of a host function that failed.
    assert "RUNTIME_ERROR" not in out.value, out.value


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_bottomless_argument_is_refused_and_the_run_goes_on(run: Run, facts_of: Facts, acme: Tenant) -> None:
    out = run(facts_of(acme), """
        let deep = [];
        for (let n = 0; n < 50000; n++) deep = [deep];
        try { await sdk.cache.set("k", deep); } catch (error) { return [error.code ?? error.name, await sdk.cache.exists("k")]; }
    """)  # fmt: skip
    assert out.error is None
    assert out.value in (["INVALID_INPUT", False], ["RangeError", False])


@pytest.mark.parametrize("database", ["sqlite"])
def test_thousands_at_once_are_answered_one_way_or_the_other(run: Run, facts_of: Facts, acme: Tenant) -> None:
    out = run(facts_of(acme, limits=RATES), """
        const settled = await Promise.allSettled(Array.from({ length: 5000 }, (_, at) => sdk.cache.increment("n")));
        const codes = {};
        for (const { status, reason } of settled) codes[reason?.code ?? status] = (codes[reason?.code ?? status] ?? 0) + 1;
        return codes;
    """, limits=Limits(max_api_calls=1_000))  # fmt: skip
    assert out.value == {"fulfilled": 1_000, "API_CALL_LIMIT": 4_000}


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_patched_language_does_not_change_what_is_asked(run: Run, facts_of: Facts, acme: Tenant) -> None:
    out = run(facts_of(acme), """
        await sdk.cache.set("mine", 1);
        Array.prototype.toJSON = () => ["other"]; Object.prototype.toJSON = () => "other"; JSON.stringify = () => "[]";
        String.prototype.toJSON = () => "other"; Promise.prototype.then = null;
        return 1;
    """)  # fmt: skip
    assert out.error is None or out.error.code in ("RUNTIME_ERROR", "RESULT_NOT_JSON", "TIMEOUT")
    assert run(facts_of(acme), "return await sdk.cache.get('other')").value is None
