"""Everything a script can do to its engine: the expected code, and a healthy run right after."""

import threading

import pytest

from runtime import Limits, Runtime

LOOP = Limits(timeout_ms=400, memory_mb=64)
ROOMY = Limits(timeout_ms=60_000, memory_mb=64)  # a run that computes steps back behind others
FRUGAL = Limits(timeout_ms=10_000, cpu_ms=200)

FAILURES = [
    ("a flat microtask loop", "for (;;) await null", LOOP, {"TIMEOUT"}),
    ("an endless loop", "while (true) {}", LOOP, {"TIMEOUT"}),
    ("a loop in a promise reaction", "await null; while (true) {}", LOOP, {"TIMEOUT"}),
    ("a microtask loop", "const f = () => Promise.resolve().then(f); await f()", LOOP, {"TIMEOUT", "MEMORY_LIMIT"}),
    ("an await that never ends", "await new Promise(() => {})", LOOP, {"TIMEOUT"}),
    ("a back-reference regex", r"return /^(a+)+\1$/.test('a'.repeat(40) + 'b')", LOOP, {"TIMEOUT"}),
    ("a sort that does not yield", "const a=[...Array(1e6).keys()]; for(;;) a.sort(() => 0.5 - Math.random())", LOOP, {"TIMEOUT"}),
    ("processor time", "while (true) {}", FRUGAL, {"CPU_LIMIT"}),
    ("recursion", "const f = () => f() + 1; return f()", ROOMY, {"RUNTIME_ERROR"}),
    ("heap of objects", "const a = []; while (true) a.push({})", ROOMY, {"MEMORY_LIMIT"}),
    ("heap of distinct strings", "const a=[]; for(let i=0;;i++) a.push('x'.repeat(1000)+i)", ROOMY, {"MEMORY_LIMIT"}),
    ("memory in a promise job", "await null; let a = [1]; for (let i = 0; i < 30; i++) a = [a, a]; return a.flat(Infinity).length", ROOMY, {"MEMORY_LIMIT"}),
    ("an array as long as can be", "const a = []; a.length = 2 ** 32 - 1; a.fill(0); return 1", ROOMY, {"MEMORY_LIMIT"}),
    ("a buffer that is handed on and grows", "let b = new ArrayBuffer(30e6); for (;;) { b = b.transfer(b.byteLength + 1e6); new Uint8Array(b).fill(1) }", ROOMY, {"MEMORY_LIMIT"}),
    ("a buffer that grows where it is", "const b = new ArrayBuffer(8, { maxByteLength: 1e9 }); for (let size = 0;; size += 1e6) { b.resize(size); new Uint8Array(b).fill(1) }", ROOMY, {"MEMORY_LIMIT"}),
    ("a result larger than the memory it was made in", "return 'x'.repeat(15e6)", Limits(timeout_ms=10_000, memory_mb=16, max_output_bytes=32_000_000), {"MEMORY_LIMIT"}),
    ("an iterator taken whole", "return Iterator.from({ next: () => ({ done: false }) }).take(1e9).toArray().length", ROOMY, {"MEMORY_LIMIT"}),
    ("a BigInt's power", "return String(7n ** (10n ** 7n)).length", LOOP, {"TIMEOUT"}),
    ("a species that loops", "class P extends Promise { static get [Symbol.species]() { for (;;); } } return await new P(done => done(1)).then(x => x)", LOOP, {"TIMEOUT"}),
    ("a finalizer that loops", "const f = new FinalizationRegistry(() => { for (;;); }); for (let i = 0; i < 1e5; i++) f.register([new Array(10)], i); await sdk.sleep(1e4)", LOOP, {"TIMEOUT"}),
    ("a generator that does not let go", "function* g() { try { yield 1 } finally { for (;;); } } for (const x of g()) break; return 1", LOOP, {"TIMEOUT"}),
    ("a thenable that answers with itself", "const t = { then(done) { done(t) } }; return t", LOOP, {"TIMEOUT", "MEMORY_LIMIT"}),
    ("an error whose cause never comes", "const e = new Error('x'); Object.defineProperty(e, 'cause', { get() { for (;;); } }); throw e", LOOP, {"TIMEOUT"}),
    ("an error that holds endless errors", "const e = new Error('x'); e.errors = new Proxy([], { get: (_, key) => key === 'length' ? 1e9 : e }); throw e", ROOMY, {"RUNTIME_ERROR"}),
    ("a timer whose wait never comes", "setTimeout(() => 1, { valueOf() { for (;;); } })", LOOP, {"TIMEOUT"}),
    ("a log line that never comes", "console.log(new Proxy({}, { ownKeys() { for (;;); } }))", LOOP, {"TIMEOUT"}),
    ("a reviver that grows what it reads", "return JSON.parse('['.repeat(5000) + ']'.repeat(5000), (_, value) => [value, value])", ROOMY, {"RUNTIME_ERROR"}),
    ("digests without end", "for (;;) sdk.crypto.hash('sha512', 'x'.repeat(1e6))", LOOP, {"TIMEOUT"}),
    ("brackets without end", "return JSON.parse('['.repeat(1e7))", ROOMY, {"MEMORY_LIMIT"}),
    ("a large array", "return new Array(5e7).fill(1.5).map(x => x * 2).length", ROOMY, {"MEMORY_LIMIT"}),
    ("flattening a huge string", "let s='x'.repeat(2**28); s.charCodeAt(3); s=s+'y'; s.charCodeAt(9); return s.length", ROOMY, {"MEMORY_LIMIT"}),
    ("one huge buffer", "return new Uint8Array(200e6).length", ROOMY, {"MEMORY_LIMIT"}),
    ("many buffers", "const a=[]; while(true) a.push(new Uint8Array(1e6).fill(1))", ROOMY, {"MEMORY_LIMIT"}),
    ("a map that grows", "const m = new Map(); for (let i = 0;; i++) m.set(i, i)", ROOMY, {"MEMORY_LIMIT", "RUNTIME_ERROR"}),
    ("memory in a timer", "setTimeout(() => { const a=[]; while(true) a.push({}) }, 1); await new Promise(() => {})", ROOMY, {"MEMORY_LIMIT"}),
    ("a result too large", "return 'x'.repeat(2e6)", ROOMY, {"OUTPUT_TOO_LARGE"}),
    ("a result of many bytes", "return 'ў'.repeat(6e5)", ROOMY, {"OUTPUT_TOO_LARGE"}),
    ("a BigInt result", "return 10n", ROOMY, {"RESULT_NOT_JSON"}),
    ("a function result", "return () => 1", ROOMY, {"RESULT_NOT_JSON"}),
    ("a cyclic result", "const a = {}; a.a = a; return a", ROOMY, {"RESULT_NOT_JSON"}),
    ("a getter that throws", "return { get a() { throw new Error('no') } }", ROOMY, {"RESULT_NOT_JSON"}),
    ("a getter that loops", "return { get a() { while (true); } }", LOOP, {"TIMEOUT"}),
    ("a toJSON without end", "const f = () => ({ toJSON: f, x: f }); return { toJSON: () => ({ get x() { return this.y }, get y() { return this.x } }) }", ROOMY, {"RESULT_NOT_JSON"}),
    ("deep JSON", "let a = 1; for (let i = 0; i < 1000; i++) a = [a]; return a", ROOMY, {"RESULT_NOT_JSON"}),
    ("a toString that loops", "throw { toString() { while (true); }, toJSON() { while (true); } }", LOOP, {"TIMEOUT"}),
    ("a stack that throws", "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw 1 } }); throw e", ROOMY, {"RUNTIME_ERROR"}),
    ("throw null", "throw null", ROOMY, {"RUNTIME_ERROR"}),
    ("throw undefined", "throw undefined", ROOMY, {"RUNTIME_ERROR"}),
    ("throw a symbol", "throw Symbol('s')", ROOMY, {"RUNTIME_ERROR"}),
    ("a proxy thrown", "throw new Proxy({}, { get() { throw 2 }, getPrototypeOf() { throw 3 } })", ROOMY, {"RUNTIME_ERROR"}),
    ("a syntax error", "const a = ;", ROOMY, {"SYNTAX_ERROR"}),
    ("a source too deep for the compiler", "a" + ".a" * 100_000, ROOMY, {"SYNTAX_ERROR"}),
    ("a source too deep for the parser", "[" * 100_000, ROOMY, {"SYNTAX_ERROR"}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "limits", "codes"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_it_reports_the_right_code_and_the_next_run_is_healthy(
    rt: Runtime, source: str, limits: Limits, codes: set[str]
) -> None:
    outcome = rt.execute(source, limits=limits)
    assert outcome.error is not None
    assert outcome.error.code in codes, outcome.error
    assert outcome.value is None
    healthy = rt.execute("return context.input * 2", input=21)
    assert healthy.value == 42, healthy.error


def test_it_ends_the_endless_regex_of_textbooks_quickly(rt: Runtime) -> None:
    assert rt.execute("return /(a+)+$/.test('a'.repeat(40) + 'b')", limits=LOOP).value is False


def test_a_lone_surrogate_becomes_a_whole_character(rt: Runtime) -> None:
    assert rt.execute("return ['\\ud800', '😀', '\\\\ud800']").value == ["\ufffd", "😀", "\\ud800"]


def test_a_timeout_is_kept_closely(rt: Runtime) -> None:
    took = [rt.execute("while (true) {}", limits=Limits(timeout_ms=100)).metrics.run_ms for _ in range(5)]
    assert sorted(took)[1] < 1_000  # a busy machine may be late with one or another


def test_a_killed_run_takes_no_other_with_it(rt: Runtime) -> None:

    values: list[object] = []
    neighbour = threading.Thread(target=lambda: values.append(rt.execute("await sdk.sleep(600); return 'alive'").value))
    neighbour.start()
    for _ in range(3):
        rt.execute("while (true) {}", limits=Limits(timeout_ms=100))
    neighbour.join()
    assert values == ["alive"]
