"""Isolates out of a snapshot are the ones that evaluating the prelude makes, and V8 that takes none is no reason to fail."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime import Runtime
from runtime.nursery import Zygote
from tests.support import measured

ROOT = Path(__file__).resolve().parents[2]
HARNESS = """
import ctypes, json, sys
NAMES = '["http.request", "db.begin", "once.begin"]'
from runtime import chamber, driver, snapshot, zygote
library = driver.start(zygote.FLAGS)
{before}
installed = snapshot.install(library, NAMES)
def told(code):
    chambers.append(chamber.Chamber(library, NAMES))
    handle = chambers[-1].isolate.evaluate(code)
    return ctypes.string_at(handle.contents.value.value_ptr, handle.contents.len).decode()
chambers = []
seen = [told({code!r}) for _ in range(2)]
print(json.dumps([installed, [one.from_snapshot for one in chambers], seen]))
import os; sys.stdout.flush(); os._exit(0)
"""
WITHOUT = "snapshot.install = lambda library, names: False"
# Every object a script can reach from the global one, with what its properties are.
WALK = """
(() => {
  const seen = new Map([[globalThis, 'globalThis']]), found = [];
  for (const [object, path] of seen) {
    const also = Object.getPrototypeOf(object);
    found.push(`${path} ${typeof object} ${Object.isFrozen(object)} ${also === null}`);
    for (const key of Reflect.ownKeys(object)) {
      const { value, get, set, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(object, key);
      const plain = typeof value === 'number' && !path.includes('Math') ? value : typeof value;
      found.push(`${path}.${String(key)} ${plain} ${writable} ${enumerable} ${configurable} ${typeof get} ${typeof set}`);
      for (const [part, child] of [['', value], ['<get>', get], ['<set>', set]])
        if (Object(child) === child && !seen.has(child)) seen.set(child, `${path}.${String(key)}${part}`);
    }
    if (also && !seen.has(also)) seen.set(also, `${path}.__proto__`);
  }
  return found.sort().join('\\n');
})()
"""


def told(code: str, before: str = "") -> tuple[bool, list[bool], list[str]]:
    """Whether a snapshot was installed, whether each of two isolates came from it, and what `code` gives in each."""
    script = HARNESS.format(before=before, code=code)
    done = subprocess.run([sys.executable, "-c", measured.program(script)], cwd=ROOT, capture_output=True, timeout=60)
    said = measured.collect(done.stderr)
    assert done.returncode == 0, said.decode(errors="replace")
    answer: Any = json.loads(done.stdout)
    return tuple(answer)


def test_isolates_begin_with_the_prelude() -> None:
    assert told("typeof dastgohPrelude + typeof console.log + typeof eval") == (
        True, [True, True], ["undefinedfunctionundefined"] * 2,
    )  # fmt: skip


def test_what_scripts_can_reach_is_the_same_with_and_without() -> None:
    _, _, (first, second) = told(WALK)
    _, origins, (evaluated, _) = told(WALK, WITHOUT)
    assert origins == [False, False]
    assert first == second
    assert len(first.splitlines()) > 2_000
    assert set(first.splitlines()) ^ set(evaluated.splitlines()) == set()


def test_isolates_share_neither_chance_nor_state() -> None:
    _, _, (first, second) = told("Object.prototype.mine = 1; String(Math.random())")
    assert first != second
    assert told("const before = String({}.mine); Object.prototype.mine = 1; before")[2] == ["undefined"] * 2


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("snapshot._TAKE = 'gone'", id="a build that hides how to take one"),
        pytest.param("snapshot._DEFAULT = 'gone'", id="a build that hides where it is kept"),
        pytest.param("snapshot.build = lambda names: 'return );'", id="a prelude V8 does not take"),
        pytest.param(
            "snapshot.build = lambda names: 'globalThis.dastgohPrelude = 7'", id="a snapshot that does not open"
        ),
        pytest.param("snapshot._take = lambda *_: os.abort(); import os", id="V8 gives up"),
        pytest.param(
            "snapshot._PATIENCE_S = 1; import time; snapshot._take = lambda *_: time.sleep(30)", id="it hangs"
        ),
        pytest.param("snapshot._protect = lambda *_: False", id="memory that stays locked"),
        pytest.param("import os; os.fork = lambda: os.kill(2**22 + 1, 0)", id="no process to be had"),
    ],
)
def test_without_a_snapshot_everything_works_all_the_same(before: str) -> None:
    installed, origins, seen = told("typeof console.log + typeof eval + typeof Atomics", before)
    assert (installed, origins, seen) == (False, [False, False], ["functionundefinedundefined"] * 2)


def test_what_failed_once_is_tried_again() -> None:
    before = """
class Once(snapshot.Chamber):
    def __init__(self, *given):
        failures and os._exit(failures.pop())
        super().__init__(*given)
import os
failures, taken = [1], snapshot._taken_elsewhere
def taken_elsewhere(*given):
    try:
        return taken(*given)
    finally:
        failures.clear()  # what ended was another process
snapshot.Chamber, snapshot._taken_elsewhere = Once, taken_elsewhere
"""
    installed, from_snapshot, _ = told("'' + 1", before)
    assert installed
    assert from_snapshot == [True, True]


def test_runs_do_not_draw_the_same_numbers(rt: Runtime) -> None:
    """Engines cannot reach the system's source of chance."""
    assert len({rt.execute("return Math.random()").value for _ in range(20)}) == 20


def test_the_engines_here_come_from_a_snapshot(caplog: pytest.LogCaptureFixture) -> None:
    Zygote(1).close()
    assert "snapshots" not in caplog.text
