"""Engines among other processes: a dead parent leaves no child, and long use leaves no trace."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from runtime import Limits, Outcome, Runtime, RuntimeConfig

PARENT = """
import sys, time, threading
from runtime import Runtime, RuntimeConfig
rt = Runtime(RuntimeConfig(pool_size=2))
rt.execute("return 1")
threading.Thread(target=lambda: rt.execute("while (true) {}")).start()
time.sleep(0.5)
print(*rt.processes(), flush=True)
time.sleep(60)
"""


FORKING = """
import os, time
from runtime import Runtime, RuntimeConfig
rt = Runtime(RuntimeConfig(pool_size=2))
rt.execute("return 1")
sibling = os.fork()
if not sibling:
    try:
        rt.validate("return 2")
    except RuntimeError:
        time.sleep(60)
    os._exit(1)
rt.validate("return 3")
print(*rt.processes(), flush=True)
print(sibling, flush=True)
time.sleep(60)
"""


ODD_PARENT = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGPROF, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
from runtime import Limits, Runtime, RuntimeConfig
with Runtime(RuntimeConfig(pool_size=1)) as rt:
    print(rt.execute("while (true) {}", limits=Limits(cpu_ms=100)).error.code, rt.execute("return 1").value)
"""


def test_signals_that_the_parent_ignores_or_holds_back_still_count_for_engines() -> None:
    done = subprocess.run([sys.executable, "-c", ODD_PARENT], capture_output=True, text=True, timeout=60)
    assert done.stdout == "CPU_LIMIT 1\n", done.stderr


def test_what_ends_a_group_of_processes_leaves_a_run_its_time_to_finish() -> None:
    with Runtime(RuntimeConfig(pool_size=1)) as rt:

        def end_all_but_the_parent() -> None:
            for pid in rt.processes():
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    os.kill(pid, number)

        source = "await sdk.t.f(); await sdk.sleep(50); return 'finished'"
        assert rt.execute(source, host={"t.f": end_all_but_the_parent}).value == "finished"


def test_engines_do_not_outlive_their_parent_for_a_process_it_forked() -> None:
    parent = subprocess.Popen([sys.executable, "-c", FORKING], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    sibling = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    try:
        until = time.monotonic() + 10
        while any(map(alive, children)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not [pid for pid in children if alive(pid)]
        assert alive(sibling)
    finally:
        os.kill(sibling, signal.SIGKILL)
        parent.stdout.close()


def test_a_killed_parent_leaves_no_child() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) >= 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 10
    while any(map(alive, children)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [pid for pid in children if alive(pid)]


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_an_engine_that_is_at_work_dies_with_its_zygote() -> None:
    with Runtime(RuntimeConfig(pool_size=1)) as rt:
        rt.execute("return 1")
        outcomes: list[Outcome] = []
        loop = threading.Thread(
            target=lambda: outcomes.append(rt.execute("console.log(1); while (true) {}", on_log=kill))
        )

        def kill(_: object) -> None:
            os.kill(rt.processes()[0], signal.SIGKILL)

        began = time.monotonic()
        loop.start()
        loop.join(20)
        assert time.monotonic() - began < 10
        assert [outcome.error.code for outcome in outcomes if outcome.error] == ["ENGINE_CRASHED"]


MIXED = [
    ("return context.input", None),
    ("throw new Error('x')", "RUNTIME_ERROR"),
    ("return await sdk.t.f(context.input)", None),
    ("const a = ;", "SYNTAX_ERROR"),
    ("return 1n", "RESULT_NOT_JSON"),
    ("console.log('x'.repeat(1000)); return context.input", None),
    ("await sdk.sleep(1); return context.input", None),
]
RARE = [
    ("while (true) {}", "TIMEOUT"),
    ("const a = []; while (true) a.push(new Uint8Array(1e6).fill(1))", "MEMORY_LIMIT"),
    ("await new Promise(() => {})", "TIMEOUT"),
]


def mixed_runs(count: int) -> None:
    dice = random.Random(7)
    with Runtime(RuntimeConfig(pool_size=2, max_uses=300)) as rt:
        before = None
        for at in range(count):
            source, code = dice.choice(RARE if dice.random() < 0.02 else MIXED)
            limits = Limits(timeout_ms=60 if code == "TIMEOUT" else 10_000, memory_mb=32)
            outcome = rt.execute(source, input=at, host={"t.f": lambda value: value}, limits=limits)
            if code is None:
                assert outcome.value == at, outcome.error
            else:
                assert outcome.error is not None
                assert outcome.error.code == code
            if at == count // 4:
                before = footprint()
        after = footprint()
    assert before is not None
    assert after[0] <= before[0] + 4, "descriptors"
    assert after[1] <= before[1] + 2, "processes"
    assert after[2] <= before[2] + 40 * 2**20, "memory"


def footprint() -> tuple[int, int, int]:
    me = psutil.Process()
    return len(os.listdir("/proc/self/fd")), len(me.children(recursive=True)), me.memory_info().rss


def test_mixed_runs_leave_memory_descriptors_and_processes_flat() -> None:
    mixed_runs(1_000)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_twenty_thousand_mixed_runs_leave_everything_flat() -> None:
    mixed_runs(20_000)
