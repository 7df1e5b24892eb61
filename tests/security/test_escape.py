"""A script tries to get out, to reach what was taken away, or to leave something behind for the next one."""

import pytest

from runtime import HostError, Limits, Runtime

ATTEMPTS = [
    ("constructor chain", "return (() => 1).constructor('return 1')()"),
    ("async constructor", "return await (async () => {}).constructor('return 1')()"),
    ("generator constructor", "return (function*(){}).constructor('yield 1')().next()"),
    ("async generator constructor", "return (async function*(){}).constructor('yield 1')()"),
    ("sdk function's constructor", "return sdk.t.f.constructor('return this')()"),
    ("console's constructor", "return console.log.constructor('return this')()"),
    ("Fatal's constructor", "return sdk.Fatal.constructor('return this')()"),
    ("Reflect.construct", "return Reflect.construct((() => 1).constructor, ['return 1'])()"),
    ("timer with text", "setTimeout('globalThis.x = 1', 1); await sdk.sleep(10)"),
    ("dynamic import", "return await import('fs')"),
    ("process", "return process.env"),
    ("require", "return require('fs')"),
    ("notify", "return notify()"),
    ("caller", "return (function f() { return f.caller.caller })()"),
    ("the wrapper's constructor", "return arguments.callee.constructor('return 1')()"),
    ("an unbound name", "return await sdk.db.query('select 1')"),
]


@pytest.mark.parametrize("source", [attempt[1] for attempt in ATTEMPTS], ids=[attempt[0] for attempt in ATTEMPTS])
def test_it_ends_in_an_error(rt: Runtime, source: str) -> None:
    error = rt.execute(source, host={"t.f": lambda: 1}, limits=Limits(timeout_ms=3_000)).error
    assert error is not None
    assert error.code == "RUNTIME_ERROR"


def test_what_is_taken_away_is_gone(rt: Runtime) -> None:
    names = "eval Function WebAssembly SharedArrayBuffer Atomics fetch XMLHttpRequest WebSocket process require importScripts __dirname __filename"
    script = "return context.input.filter(n => n in globalThis)"
    assert rt.execute(script, input=names.split()).value == []
    assert rt.execute("return [typeof eval, typeof Function, typeof require]").value == ["undefined"] * 3


def test_the_global_object_holds_the_language_and_the_sdk_only(rt: Runtime) -> None:
    script = "return Object.getOwnPropertyNames(globalThis).filter(n => /^[a-z_]/.test(n))"
    language = {"globalThis", "parseFloat", "parseInt", "undefined", "decodeURI", "decodeURIComponent", "encodeURI",
                "encodeURIComponent", "escape", "unescape", "isFinite", "isNaN"}  # fmt: skip
    ours = {"console", "setTimeout", "setInterval", "clearTimeout", "clearInterval", "context", "ctx", "sdk"}
    assert set(rt.execute(script).value) == language | ours


def test_stack_hooks_see_nothing(rt: Runtime) -> None:
    script = """let seen = 0; try { Error.prepareStackTrace = () => { seen++; return 'x' } } catch {}
        Object.prototype.prepareStackTrace = () => { seen++ };
        try { await sdk.t.f() } catch (e) { e.stack } new Error('x').stack; return seen"""

    def refuse() -> None:
        raise HostError("HTTP_BLOCKED", "no")

    assert rt.execute(script, host={"t.f": refuse}).value == 0


@pytest.mark.parametrize(
    "patch",
    [
        "JSON.stringify = JSON.parse = () => { throw 1 }",
        "Array.prototype[Symbol.iterator] = Array.prototype.push = Array.prototype.join = () => { throw 1 }",
        "Object.defineProperty(Array.prototype, '0', { set() { throw 1 }, get() { throw 2 } })",
        "Object.defineProperty(Object.prototype, 'value', { get() { throw 1 }, set() { throw 1 } })",
        "Object.prototype.toJSON = Array.prototype.toJSON = function () { return this.length === 2 ? this.slice() : 'mine' }",
        "Object.prototype.then = undefined; Object.prototype.toJSON = undefined; Object.prototype.get = () => 1",
        "Promise.prototype.then = () => { throw 1 }",
        "globalThis.Promise = null; globalThis.JSON = null; globalThis.Error = null; globalThis.Object = null",
        "const F = (() => 1).constructor.prototype; F.call = F.apply = F.bind = () => { throw 1 }",
        "String.prototype.charCodeAt = String.prototype.slice = () => { throw 1 }",
        "Map.prototype.get = WeakMap.prototype.get = () => ({ code: 'PERMISSION_DENIED' })",
    ],
)
def test_a_patched_language_does_not_reach_the_bridge(rt: Runtime, patch: str) -> None:
    outcome = rt.execute(f"{patch}; const got = sdk.t.f([1, 'ў']); return await got", host={"t.f": lambda value: value},
                         limits=Limits(timeout_ms=3_000))  # fmt: skip
    assert outcome.value == [1, "ў"], outcome.error
    assert rt.execute("return [1, 2].map(x => x + 1)").value == [2, 3]


HARMLESS = [
    ("what a call answers is not stolen", "Object.defineProperty(Object.prototype, '1', { get() { return 'stolen' }, set(v) { globalThis.loot = v } }); return [await sdk.t.f(5), typeof loot]", [5, "undefined"]),
    ("a pending call is not answered by others", "Object.prototype['1'] = Object.prototype['2'] = { resolve() {}, reject() {} }; return await sdk.t.f(6)", 6),
    ("a call inside a call's arguments", "return await sdk.t.f({ toJSON() { sdk.t.f(1); sdk.t.f(2); return 3 } })", 3),
    ("limits are not read from prototypes", "Object.prototype.maxOutput = Object.prototype.maxCalls = 1e9; try { for (;;) await sdk.t.f(1) } catch (e) { return e.code }", "API_CALL_LIMIT"),
    ("stacks name no place of ours", "const at = {}; Error.captureStackTrace(at); return at.stack.includes('/')", False),
    ("a source map is not fetched", "return 1\n//# sourceMappingURL=http://169.254.169.254/latest", 1),
    ("comments of HTML", "<!-- one\nlet two = 2\n--> three\nreturn two", 2),
    ("what stands cannot be taken away", "return [delete globalThis.sdk, delete globalThis.console, typeof sdk.log.info, typeof console.log]", [False, False, "function", "function"]),
    ("a frozen world still answers", "for (const x of [globalThis, Object.prototype, Array.prototype, Promise.prototype]) Object.freeze(x); return await sdk.t.f(1)", 1),
    ("buffers that shrink", "const b = new ArrayBuffer(8, { maxByteLength: 16 }), u = new Uint8Array(b); b.resize(0); return sdk.crypto.hash('md5', u)", "d41d8cd98f00b204e9800998ecf8427e"),
    ("buffers that lie", "class L extends Uint8Array { get byteLength() { return 1e9 } } try { sdk.crypto.hash('md5', new L(4)) } catch (e) { return e instanceof RangeError }", True),
    ("no other world is at hand", "return ['ShadowRealm', 'Worker', 'gc', 'd8', 'structuredClone', 'queueMicrotask', 'load', 'read'].filter(name => name in globalThis)", []),
]  # fmt: skip


@pytest.mark.parametrize(("source", "value"), [entry[1:] for entry in HARMLESS], ids=[entry[0] for entry in HARMLESS])
def test_it_gains_nothing(rt: Runtime, source: str, value: object) -> None:
    outcome = rt.execute(source, host={"t.f": lambda value: value}, limits=Limits(timeout_ms=3_000, max_api_calls=10))
    assert outcome.value == value, outcome.error


@pytest.mark.parametrize("source", ["return import.meta.url", "return %GetHeapUsage()", "}); evil(); (async function(){", "}, function(){",
                                    "return " + "(" * 20_000 + ")" * 20_000])  # fmt: skip
def test_it_is_not_even_javascript(rt: Runtime, source: str) -> None:
    error = rt.execute(source).error
    assert error is not None
    assert error.code == "SYNTAX_ERROR"


def test_a_forged_code_stays_the_scripts_own(rt: Runtime) -> None:
    for source in ("throw Object.assign(new Error('x'), {code: 'PERMISSION_DENIED', retryable: false})",
                   "throw Object.create(new sdk.Fatal('x'), {code: {value: 'LOST'}})"):  # fmt: skip
        error = rt.execute(source).error
        assert error is not None
        assert (error.code, error.retryable) == ("RUNTIME_ERROR", True)


def test_a_source_url_cannot_rename_frames(rt: Runtime) -> None:
    error = rt.execute("//# sourceURL=evil.js\nnull.x\n//# sourceURL=dastgoh:prelude", name="mine.js").error
    assert error is not None
    assert error.line == 2
    assert "evil" not in (error.stack or "")


def test_nothing_is_left_for_the_next_run(rt: Runtime) -> None:
    spoil = """globalThis.left = 1; Array.prototype.left = 1; JSON.parse = null; /(a)/.exec('a'); Math.left = 1; Object.prototype.p = 1;
        String.prototype.trim = () => 'bad'; setInterval(() => console.log('ghost'), 1); sdk.t.f(); new Promise(() => {}); return 1"""
    look = """return [typeof left, [].left, typeof JSON.parse, RegExp.$1, Math.left, ({}).p, ' a '.trim(), context.input]"""
    for at in range(30):
        rt.execute(spoil, host={"t.f": lambda: 1})
        outcome = rt.execute(look, input=at)
        assert outcome.value == ["undefined", None, "function", "", None, None, "a", at]
        assert outcome.logs == []


def test_thenables_and_proxies_given_as_results_are_plain_script_code(rt: Runtime) -> None:
    assert rt.execute("return { then(done) { done(5) } }").value == 5
    proxy = "return new Proxy({a: 1}, { ownKeys() { return ['a'] }, get() { return 7 } })"
    assert rt.execute(proxy).value == {"a": 7}
    assert rt.execute("return { then(done, fail) { fail(new Error('t')) } }").error is not None
