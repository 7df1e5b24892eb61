"""How quick the machine itself is in these minutes, without a line of ours in what is timed: figures of two looks, or of two machines,
can be compared only beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# In a process of its own: V8 never lives in the process that owns a pool.
_PROGRAM = """
import json, time
from runtime import driver, zygote

def middle(work, count):
    taken = []
    for _ in range(count):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1000)
    return round(sorted(taken)[count // 2], 3)

def live_and_die():
    isolate = driver.Isolate(library, lambda: None)
    isolate.free(isolate.evaluate("1 + 1"))
    isolate.close()

def count():
    counts = {}
    for at in range(100_000):
        counts[at % 100] = counts.get(at % 100, 0) + len(str(at))

library = driver.start(zygote.FLAGS)
isolate = driver.Isolate(library, lambda: None)
fib = "(() => { const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2); return fib(27); })()"
print(json.dumps({
    "v8_fib27": middle(lambda: isolate.free(isolate.evaluate(fib)), 20),
    "v8_isolate": middle(live_and_die, 60),
    "python_loop": middle(count, 15),
}))
"""


def yardstick() -> dict[str, object]:
    """Milliseconds: of fib(27) in V8, of a bare isolate's whole life, of a hundred thousand turns of a Python loop."""
    return {"machine_ms": in_a_child(_PROGRAM, "")}


def in_a_child(program: str, given: str) -> Any:
    """What a process of its own prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program], input=given, capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout)
