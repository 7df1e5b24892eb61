"""What the engine costs: every number as in CONTRACTS, and the bare MiniRacer beside it in the same run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import percentiles
from bench._yardstick import in_a_child, yardstick
from runtime import Limits, Runtime, RuntimeConfig
from runtime.pool import Pool

HOST = {"bench.echo": lambda value: value}
LIMITS = Limits(max_source_bytes=4_000_000)
REST_S = 0.012  # what a person's think time is for: engines prepare the next isolate meanwhile

CPU_BOUND = {
    "fib": "const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2); return fib(27);",
    "transform": """
        const rows = Array.from({ length: 20000 }, (_, i) => ({ id: i, name: 'name' + i, tags: ['a' + i % 7, 'b'] }));
        const groups = {};
        for (const row of rows.filter(r => r.id % 3)) (groups[row.tags[0]] ??= []).push({ ...row, name: row.name.toUpperCase() });
        return JSON.stringify(groups).split(',').map(s => s.trim()).join(';').length;""",
}

# Run in a process of its own: V8 never lives in the process that owns a pool.
BARE = """
import json, sys, time
from py_mini_racer import MiniRacer
clock, scripts = json.load(sys.stdin)
times = {}
for name, body in scripts.items():
    taken = []
    for _ in range(12 if clock == "cpu" else 30):
        born = time.perf_counter()
        with MiniRacer() as engine:
            begin = time.process_time()
            engine.eval('(() => {' + body + '})()')
            used = time.process_time() - begin
        taken.append((used if clock == "cpu" else time.perf_counter() - born) * 1000)
    times[name] = sorted(taken)[len(taken) // 2]
print(json.dumps(times))
"""

# All that a prepared run is spared, without pool, process or frames: isolate, prelude, SDK, compilation, run.
UNPREPARED = """
import json, sys, threading, time
from runtime import driver, snapshot, zygote
from runtime.chamber import VALUE, Chamber
source, names = sys.stdin.read(), '["bench.echo"]'
settings = '{"maxOutput":1000,"maxCall":1000,"maxCalls":1,"maxLine":1000,"timeout":1000,"context":{"input":null}}'.encode()
library = driver.start(zygote.FLAGS)
snapshot.install(library, names)
first, taken = Chamber(library, names), []  # what isolates share stays made, as it does in an engine
for at in range(20):
    done = threading.Event()
    born = time.perf_counter()
    chamber = Chamber(library, names)
    chamber.heard = lambda operation, text: done.set() if operation == VALUE else None
    chamber.compile(f"{source}//{at}", "script.js")
    chamber.tell(settings, lambda failure: None)
    if not done.wait(10):
        raise RuntimeError("the script did not end")
    taken.append((time.perf_counter() - born) * 1000)
    time.sleep(0.012)
    chamber.close()
print(json.dumps(sorted(taken)[len(taken) // 2]))
"""


def measure(parts: Sequence[str] | None = None) -> dict[str, object]:
    result: dict[str, object] = {}
    with Runtime(RuntimeConfig(pool_size=2, limits=LIMITS)) as rt:
        for part in parts or PARTS:
            _warm(rt)
            result |= PARTS[part](rt)
        result["means"] = rt.means()
    return result | yardstick()


def _latencies(rt: Runtime) -> dict[str, object]:
    calls = "await sdk.bench.echo(1); await sdk.bench.echo(2); return await sdk.bench.echo(3)"
    return {
        "trivial_ms": percentiles(_times(lambda _: _run(rt, "return 1"), 200)),
        "hostcalls3_ms": percentiles(_times(lambda _: _run(rt, calls), 150)),
        "cold_ms": percentiles(_times(lambda at: _run(rt, f"return {at} + 1"), 100)),
    }


def _prepared(rt: Runtime) -> dict[str, object]:
    """A script of 100 KB that is hot here, all of the way to it; against an engine's own work on it with nothing prepared.

    Both in turns, so that a busy machine slows both. A bare MiniRacer's life with the same script stands beside them:
    no prelude, no SDK, but a thread and a loop of its own.
    """
    script = _script(100)
    prepared, unprepared_ms, ratios = [], [], []
    for _ in range(5):
        times = _times(lambda _: _run(rt, script), 40)
        unprepared_ms.append(in_a_child(UNPREPARED, script))
        ratios.append(unprepared_ms[-1] / percentiles(times)["p50"])
        prepared += times
    return {
        "prepared_ms": percentiles(prepared),
        "unprepared_100kb_ms": round(sorted(unprepared_ms)[2], 3),
        "bare_100kb_ms": round(_bare("wall", {"large": script})["large"], 3),
        "cached_speedup": round(sorted(ratios)[2], 2),
    }


def _sources(rt: Runtime) -> dict[str, object]:
    return {f"new_source_{kb}kb_ms": percentiles(_new_sources(rt, kb)) for kb in (5, 100, 1_000)}


def _processor(rt: Runtime) -> dict[str, object]:
    """Both in turns, so that a busy machine slows both."""
    ratios: dict[str, list[float]] = {name: [] for name in CPU_BOUND}
    for _ in range(5):
        bare = _bare("cpu", CPU_BOUND)
        for name, body in CPU_BOUND.items():
            ratios[name].append(_cpu_ms(rt, body) / bare[name])
    middle = {name: sorted(of)[2] for name, of in ratios.items()}
    return {"cpu_ratio_to_bare": round(max(middle.values()), 3)}


def _new_sources(rt: Runtime, kilobytes: int) -> list[float]:
    script = _script(kilobytes)
    return _times(lambda at: _run(rt, f"{script}//{at}"), 20)


def _script(kilobytes: int) -> str:
    function = "const f{0} = (a, b) => {{ const c = [a, b].map(x => x * {0}); if (c[0] > b) return {{ a, c }}; return b + {0}; }};\n"
    functions = "".join(function.format(at) for at in range(kilobytes * 1000 // 115))
    return f"{functions}return f1(1, 2);"


def _run(rt: Runtime, source: str) -> None:
    outcome = rt.execute(source, host=HOST)
    if outcome.error:
        raise RuntimeError(outcome.error)


def _times(work: Callable[[int], None], count: int) -> list[float]:
    taken = []
    for at in range(count):
        begin = time.perf_counter()
        work(at)
        taken.append((time.perf_counter() - begin) * 1000)
        time.sleep(REST_S)
    return taken


def _cpu_ms(rt: Runtime, body: str) -> float:
    taken = []
    for _ in range(12):
        taken.append(rt.execute(body).metrics.cpu_ms)
        time.sleep(REST_S)
    return sorted(taken)[len(taken) // 2]


def _kills(rt: Runtime) -> dict[str, object]:
    taken = []
    for _ in range(1_000):
        rt.execute("while (true) {}", limits=Limits(timeout_ms=10))
        begin = time.perf_counter()
        _run(rt, "return 1")
        taken.append((time.perf_counter() - begin) * 1000)
    return {"kill_to_next_ms": percentiles(taken)}


def _acquire(_: Runtime) -> dict[str, object]:
    pool = Pool(RuntimeConfig(pool_size=2))
    taken = []
    pool.release(pool.lease())
    for _ in range(500):
        begin = time.perf_counter()
        pool.take_place(None)
        engine = pool.lease()
        taken.append((time.perf_counter() - begin) * 1000)
        pool.release(engine)
        pool.give_place()
    pool.close()
    return {"acquire_ms": percentiles(taken)}


def _throughput(_: Runtime) -> dict[str, object]:
    return {"throughput_per_s": {str(size): _runs_per_second(size) for size in (1, 2)}}


def _runs_per_second(size: int, seconds: float = 3.0) -> float:
    with Runtime(RuntimeConfig(pool_size=size)) as rt:
        _warm(rt)
        done, until = [0] * size, time.monotonic() + seconds

        def work(at: int) -> None:
            while time.monotonic() < until:
                _run(rt, "return 1")
                done[at] += 1

        threads = [threading.Thread(target=work, args=(at,)) for at in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return round(sum(done) / seconds, 1)


def _warm(rt: Runtime) -> None:
    for _ in range(5):
        _run(rt, "return 1")
    time.sleep(0.5)


def _memory(rt: Runtime) -> dict[str, object]:
    """Of the largest idle engine that has run small scripts; what large hot ones keep prepared comes on top."""
    sizes = [_private_kb(pid) for pid in rt.processes()[1:]]
    return {"engine_private_mb": round(max(sizes, default=0) / 1024, 1)}


def _private_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def _bare(clock: str, scripts: dict[str, str]) -> dict[str, float]:
    """Milliseconds of each script: processor time of the run alone, or all of a MiniRacer's life on the wall clock."""
    taken: dict[str, float] = in_a_child(BARE, json.dumps([clock, scripts]))
    return taken


PARTS: dict[str, Callable[[Runtime], dict[str, object]]] = {
    "memory": _memory,
    "latencies": _latencies,
    "prepared": _prepared,
    "sources": _sources,
    "processor": _processor,
    "kills": _kills,
    "acquire": _acquire,
    "throughput": _throughput,
}
