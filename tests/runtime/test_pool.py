"""The pool as its users meet it: fairness, refusal, upkeep, drain, and nothing left behind."""

import ctypes
import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from runtime import Limits, Outcome, Runtime, RuntimeConfig
from runtime.engine import Engine
from runtime.fairness import Places
from runtime.nursery import Nursery, Zygote


def settle(condition: object, seconds: float = 10.0) -> bool:
    """Whether it comes true in time. What was true once need not stay so."""
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def in_thread(work: object) -> threading.Thread:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_tenants_take_turns() -> None:
    places, order = Places(1), []
    assert places.take("a", 1, lambda _: None) == "granted"

    def wait(tenant: str) -> None:
        if places.take(tenant, 10, lambda _: None) == "granted":
            order.append(tenant)
            places.give()

    threads = []
    for tenant in "aaaaaab":
        waiting = places.waiting
        threads.append(in_thread(lambda tenant=tenant: wait(tenant)))
        assert settle(lambda waiting=waiting: places.waiting == waiting + 1)
    places.give()
    for thread in threads:
        thread.join()
    assert order.index("b") <= 1
    assert len(order) == 7


class Crowd:
    """Waits for places, each on a thread of its own, and knows who got one."""

    def __init__(self, places: Places) -> None:
        self.places, self.holders, self.threads = places, list[str](), list[threading.Thread]()

    def ask(self, tenant: str) -> None:
        def wait() -> None:
            if self.places.take(tenant, 10, lambda _: None) == "granted":
                self.holders.append(tenant)

        before = len(self.holders) + self.places.waiting
        self.threads.append(in_thread(wait))
        assert settle(lambda: len(self.holders) + self.places.waiting == before + 1)

    def give(self, tenant: str) -> None:
        self.holders.remove(tenant)
        self.places.give(tenant)

    def hold(self, *tenants: str) -> bool:
        return settle(lambda: sorted(self.holders) == sorted(tenants))


def test_a_spare_place_is_for_who_holds_none_and_starves_nobody() -> None:
    crowd = Crowd(Places(2, spare=1))
    for tenant in "aaa":
        crowd.ask(tenant)
    assert crowd.hold("a", "a"), "who holds the others gets no spare one"
    crowd.ask("b")
    assert crowd.hold("a", "a", "b")
    for tenant in "bc":
        crowd.ask(tenant)
    assert crowd.places.waiting == 3
    crowd.give("b")
    assert crowd.hold("a", "a", "b"), "the spare one goes on to the next who holds none"
    crowd.give("a")
    assert crowd.hold("a", "a", "b"), "another to the next in rotation, whatever they hold"
    crowd.give("b")
    assert crowd.hold("a", "a", "c")
    for tenant in "aac":
        crowd.give(tenant)
    for tenant in "ddd":
        crowd.ask(tenant)
    assert crowd.hold("d", "d"), "nothing was lost on the way, and nothing won"
    crowd.places.close()
    for thread in crowd.threads:
        thread.join(10)


def test_a_tenant_that_fills_the_pool_keeps_no_other_waiting() -> None:
    with Runtime(RuntimeConfig(pool_size=5)) as rt:
        going = [in_thread(lambda: rt.execute("await sdk.sleep(60_000)", tenant="a")) for _ in range(6)]
        assert settle(lambda: rt.metrics()["pool"]["waiting"] == 1 and rt.metrics()["running"] == 6)
        assert rt.execute("return 'here'", tenant="b").value == "here"
        assert rt.metrics()["pool"]["waiting"] == 1
        rt.close(0)
        for thread in going:
            thread.join(20)


def test_a_full_pool_refuses_in_time_and_says_so() -> None:
    with Runtime(RuntimeConfig(pool_size=1, acquire_timeout_ms=200)) as rt:
        started = threading.Event()
        busy = in_thread(lambda: rt.execute("await sdk.sleep(1000)", on_start=started.set))
        started.wait(10)
        refused = rt.execute("return 1")
        assert refused.error is not None
        assert refused.error.code == "POOL_EXHAUSTED"
        assert refused.metrics.wait_ms >= 190
        busy.join()
        assert rt.execute("return 1").value == 1


def test_waiting_work_can_be_cancelled() -> None:
    with Runtime(RuntimeConfig(pool_size=1)) as rt:
        started, outcomes = threading.Event(), []
        busy = in_thread(lambda: rt.execute("await sdk.sleep(700)", on_start=started.set))
        started.wait(10)
        waiting = in_thread(lambda: outcomes.append(rt.execute("return 1", execution_id="w")))
        assert settle(lambda: rt.metrics()["pool"]["waiting"] == 1)
        assert rt.cancel("w")
        waiting.join(0.5)
        assert outcomes[0].error.code == "CANCELLED"
        busy.join()


class SlowNursery:
    """Makes an engine when it is told to, as a busy machine does in the end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.go = threading.Semaphore(0), threading.Event()
        original = Nursery.fork

        def fork(nursery: Nursery, *arguments: Any) -> Any:
            self.asked.release()
            assert self.go.wait(20)
            return original(nursery, *arguments)

        monkeypatch.setattr(Nursery, "fork", fork)


def test_a_run_whose_engine_is_still_being_made_is_cancelled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    nursery = SlowNursery(monkeypatch)
    with Runtime(RuntimeConfig(pool_size=1, warm=1)) as rt:
        outcomes: list[Outcome] = []
        waiting = in_thread(lambda: outcomes.append(rt.execute("return 1", execution_id="w")))
        assert nursery.asked.acquire(timeout=10)
        assert settle(lambda: rt.cancel("w"))
        waiting.join(10)
        assert not nursery.go.is_set()
        assert outcomes[0].error is not None
        assert outcomes[0].error.code == "CANCELLED"
        nursery.go.set()
        assert rt.execute("return 2").value == 2


def test_a_run_without_an_engine_has_the_first_that_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    with Runtime(RuntimeConfig(pool_size=2, warm=1)) as rt:
        started, outcomes = threading.Event(), []
        assert rt.execute("return 1").value == 1
        nursery = SlowNursery(monkeypatch)
        first = in_thread(lambda: rt.execute("await sdk.sleep(200)", on_start=started.set))
        assert started.wait(10)
        second = in_thread(lambda: outcomes.append(rt.execute("return 2").value))
        second.join(10)
        assert outcomes == [2]
        first.join()
        nursery.go.set()


def test_an_engine_that_comes_too_late_is_for_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    nursery = SlowNursery(monkeypatch)
    with Runtime(RuntimeConfig(pool_size=1, warm=1, acquire_timeout_ms=50, start_timeout_s=0.05)) as rt:
        refused = rt.execute("return 1").error
        assert refused is not None
        assert (refused.code, refused.details) == ("POOL_EXHAUSTED", {"reason": "busy"})
        nursery.go.set()
        assert settle(lambda: rt.execute("return 2").value == 2)


def test_fifty_threads_share_a_small_pool() -> None:
    with Runtime(RuntimeConfig(pool_size=2)) as rt:
        values: list[object] = []
        threads = [
            in_thread(
                lambda at=at: values.append(rt.execute("return context.input", input=at, tenant=str(at % 5)).value)
            )
            for at in range(50)
        ]
        for thread in threads:
            thread.join()
        assert sorted(values) == list(range(50))  # type: ignore[type-var]


def test_worn_engines_are_replaced() -> None:
    with Runtime(RuntimeConfig(pool_size=1, warm=1, max_uses=3)) as rt:
        assert [rt.execute("return 1").value for _ in range(10)] == [1] * 10
        assert settle(lambda: rt.metrics()["pool"]["destroyed"].get("uses", 0) >= 3)
    with Runtime(RuntimeConfig(pool_size=1, warm=1, max_age_s=0.05)) as rt:
        rt.execute("await sdk.sleep(100)")
        assert settle(lambda: "age" in rt.metrics()["pool"]["destroyed"])


def test_idle_engines_are_looked_after() -> None:
    config = RuntimeConfig(pool_size=4, warm=1, idle_s=0, health_interval_s=0.2)
    with Runtime(config) as rt:
        threads = [in_thread(lambda: rt.execute("await sdk.sleep(300)")) for _ in range(4)]
        for thread in threads:
            thread.join()
        assert settle(lambda: rt.metrics()["pool"]["destroyed"].get("idle", 0) >= 2)
        victim = next(pid for pid in rt.processes()[1:])
        os.kill(victim, 19)  # stopped: it lives, but does not answer
        time.sleep(0)
        os.kill(victim, 9)
        assert settle(lambda: victim not in rt.processes())
        assert rt.execute("return 1").value == 1


def test_a_failing_creation_is_told_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.nursery.START", "import sys; sys.exit('no V8 here')")
    rt = Runtime(RuntimeConfig(pool_size=1))
    outcome = rt.execute("return 1")
    assert outcome.error is not None
    assert outcome.error.code == "POOL_EXHAUSTED"
    assert "no V8 here" in outcome.error.message
    assert rt.metrics()["pool"]["errors"] > 0
    assert rt.probe() is not None
    rt.close(0)


def test_closing_lets_running_work_finish_and_tells_waiting_work() -> None:
    rt = Runtime(RuntimeConfig(pool_size=1))
    outcomes: dict[str, Outcome] = {}
    started = threading.Event()
    running = in_thread(
        lambda: outcomes.update(run=rt.execute("await sdk.sleep(500); return 'done'", on_start=started.set))
    )
    started.wait(10)
    waiting = in_thread(lambda: outcomes.update(wait=rt.execute("return 1")))
    assert settle(lambda: rt.metrics()["pool"]["waiting"] == 1)
    rt.close(drain_seconds=10)
    running.join()
    waiting.join()
    assert outcomes["run"].value == "done"
    assert outcomes["wait"].error is not None
    assert outcomes["wait"].error.code == "POOL_EXHAUSTED"
    late = rt.execute("return 1").error
    assert late is not None
    assert late.details == {"reason": "closed"}


def test_closing_ends_what_does_not_finish() -> None:
    rt = Runtime(RuntimeConfig(pool_size=1))
    outcomes: list[Outcome] = []
    started = threading.Event()
    running = in_thread(lambda: outcomes.append(rt.execute("while (true) {}", on_start=started.set)))
    started.wait(10)
    rt.close(drain_seconds=0.1)
    running.join(5)
    assert outcomes[0].error is not None
    assert outcomes[0].error.code == "CANCELLED"


def test_nothing_is_left_after_closing() -> None:
    gc.collect()
    files, threads = len(os.listdir("/proc/self/fd")), set(threading.enumerate())
    rt = Runtime(RuntimeConfig(pool_size=2))
    for source in (
        "return await sdk.t.f()",
        "while (true) {}",
        "throw 1",
        "const a = []; while (true) a.push(new Uint8Array(1e6).fill(1))",
    ):
        rt.execute(source, host={"t.f": lambda: 1}, limits=Limits(timeout_ms=300, memory_mb=32))
    processes = rt.processes()
    rt.close()
    assert not [pid for pid in processes if psutil.pid_exists(pid)]
    assert settle(lambda: set(threading.enumerate()) <= threads)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= files


def test_idle_engines_that_grew_or_do_not_answer_go(monkeypatch: pytest.MonkeyPatch) -> None:
    with Runtime(RuntimeConfig(pool_size=1, warm=1, health_interval_s=0.1, max_idle_memory_mb=1)) as rt:
        assert settle(lambda: rt.metrics()["pool"]["destroyed"].get("memory", 0) >= 1)
    monkeypatch.setattr("runtime.pool.PING_TIMEOUT_S", 0.05)
    with Runtime(RuntimeConfig(pool_size=1, warm=1, health_interval_s=0.1)) as rt:
        assert settle(lambda: len(rt.processes()) == 2 and rt.metrics()["pool"]["available"] == 1)
        os.kill(rt.processes()[1], signal.SIGSTOP)
        assert settle(lambda: rt.metrics()["pool"]["destroyed"].get("unhealthy", 0) >= 1)
        assert rt.execute("return 1").value == 1


def test_the_keeper_outlives_what_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with Runtime(RuntimeConfig(pool_size=1, warm=1, health_interval_s=0.05)) as rt:
        failed = threading.Event()

        def fail(pool: object) -> None:
            failed.set()
            raise RuntimeError("a bug of ours")

        monkeypatch.setattr("runtime.pool.Pool._inspect", fail)
        assert failed.wait(10)
        assert rt.execute("return 1").value == 1


def test_a_broken_zygote_is_replaced() -> None:
    with Runtime(RuntimeConfig(pool_size=1)) as rt:
        assert rt.execute("return 1").value == 1
        os.kill(rt.processes()[0], 9)
        assert settle(lambda: rt.execute("return 2").value == 2)


class Cuckoo:
    """Kills what one zygote, or any, brings forth, for as long as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.killed: list[int] = []
        self.victims_of: int | None = None  # None: of every zygote
        self.is_at_it = True
        original = Zygote.fork

        def fork(zygote: Zygote, *arguments: Any) -> int:
            pid = original(zygote, *arguments)
            if self.is_at_it and self.victims_of in (None, zygote.pid):
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)
            return pid

        monkeypatch.setattr(Zygote, "fork", fork)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zygote may be given up on at once."""
    monkeypatch.setattr("runtime.nursery.LEAST_AGE_S", 0.0)


@contextmanager
def an_older_run(rt: Runtime, sleeps_ms: int) -> Iterator[None]:
    """It goes on meanwhile, in an engine of the zygote that is there now, and ends well."""
    started, outcomes = threading.Event(), list[Outcome]()
    older = in_thread(
        lambda: outcomes.append(rt.execute(f"await sdk.sleep({sleeps_ms}); return 'older'", on_start=started.set))
    )
    assert started.wait(10)
    yield
    older.join()
    assert outcomes[0].value == "older", "an engine in good health outlives its zygote's replacement"


def kill_idle_engines(rt: Runtime) -> None:
    for pid in set(rt._pool.engine_pids()) - {engine.pid for engine in rt._pool._leased}:
        os.kill(pid, signal.SIGKILL)


def test_a_zygote_whose_engines_die_at_their_birth_is_replaced_while_runs_go_on(
    hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Runtime(RuntimeConfig(pool_size=3, warm=1, max_uses=1)) as rt:
        with an_older_run(rt, 4000):
            unfit = rt.processes()[0]
            cuckoo = Cuckoo(monkeypatch)
            cuckoo.victims_of = unfit
            kill_idle_engines(rt)
            assert rt.execute("return 2").value == 2, "it waits for the engine of another zygote"
            assert rt.processes()[0] != unfit
            assert len(cuckoo.killed) >= 3
        assert settle(lambda: not psutil.pid_exists(unfit)), "the last of its engines takes it along"
        assert rt.metrics()["pool"]["destroyed"]["stillborn"] >= 3


def test_engines_that_die_at_their_birth_are_made_at_a_measured_pace_and_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuckoo = Cuckoo(monkeypatch)
    with Runtime(RuntimeConfig(pool_size=1, warm=1, acquire_timeout_ms=1_500, start_timeout_s=1.5)) as rt:
        refused = rt.execute("return 1").error
        assert refused is not None
        assert refused.code in ("POOL_EXHAUSTED", "ENGINE_CRASHED")
        assert not rt.is_able
        assert "died at its birth" in rt.metrics()["pool"]["last_error"]
        assert len(cuckoo.killed) < 20, "the processor is not spent on it"
        cuckoo.is_at_it = False
        assert settle(lambda: rt.execute("return 2").value == 2)
        assert rt.is_able
        assert rt.metrics()["pool"]["last_error"] is None


def test_a_zygote_that_stands_still_is_replaced_while_runs_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.nursery.ANSWER_TIMEOUT_S", 0.3)
    with Runtime(RuntimeConfig(pool_size=3, warm=1, max_uses=1)) as rt:
        with an_older_run(rt, 2500):
            still = rt.processes()[0]
            os.kill(still, signal.SIGSTOP)
            kill_idle_engines(rt)
            assert rt.execute("return 2").value == 2
            assert rt.processes()[0] != still
        assert settle(lambda: not psutil.pid_exists(still))


def test_engines_are_locked_down() -> None:
    with Runtime(RuntimeConfig(pool_size=1)) as rt:
        rt.execute("return 1")
        means = {"rlimits", "seccomp", "no_new_privileges", "no_capabilities", "dies_with_parent"}
        if ctypes.CDLL(None).syscall(444, None, 0, 1) > 0:  # this kernel has Landlock
            means.add("landlock")
        assert means <= set(rt.means())
        for pid in rt.processes()[1:]:
            status = dict(
                line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
            )
            assert status["Seccomp"].strip() == "2"
            assert status["NoNewPrivs"].strip() == "1"
            assert int(status["CapEff"], 16) == 0
            assert "SECRET" not in Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")


def test_engines_start_small() -> None:
    with Runtime(RuntimeConfig(pool_size=1)) as rt:
        rt.execute("return 1")
        time.sleep(0.3)
        for pid in rt.processes()[1:]:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            assert sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) < 12 * 1024


def test_a_closed_nursery_gives_no_engines() -> None:
    nursery = Nursery(1)
    nursery.close()
    with pytest.raises(Exception, match="closed"):
        nursery.fork(None, 0)  # type: ignore[arg-type]


def test_a_run_that_keeps_a_processor_busy_lets_others_pass() -> None:
    with Runtime(RuntimeConfig(pool_size=1, warm=1)) as runtime:
        assert runtime.execute("return 1").ok
        [engine] = runtime._pool.engine_pids()
        loop = in_thread(lambda: runtime.execute("for (;;) {}", execution_id="loop"))
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        assert settle(lambda: min(_niceness(engine)) > ours)
        assert runtime.cancel("loop")
        loop.join()
        assert runtime.execute("return 2").value == 2
        assert max(_niceness(runtime._pool.engine_pids()[0])) == ours, "who comes next does not suffer for it"


def _niceness(pid: int) -> list[int]:
    return [os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir(f"/proc/{pid}/task")]


def test_a_lone_caller_does_not_wait_for_the_engine_it_has_just_used(
    rt_of_two: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    run = Engine.run
    monkeypatch.setattr(Engine, "run", lambda engine, what: (used.append(engine), run(engine, what))[1])
    for _ in range(4):  # both know the source, and have it prepared
        assert rt_of_two.execute("return 1").ok
        assert settle(lambda: used[-1].rested)
    first = used[-1]
    os.kill(first.pid, signal.SIGSTOP)  # it takes long to make ready again what the last run has used up
    first._rested = False
    try:
        assert rt_of_two.execute("return 1").ok
    finally:
        os.kill(first.pid, signal.SIGCONT)
    second = used[-1]
    assert second is not first
    assert settle(lambda: second.rested)
    assert rt_of_two.execute("return 1").ok
    assert used[-1] is second, "of two that are ready the one used last is the quicker"


@pytest.fixture
def rt_of_two() -> Iterator[Runtime]:
    with Runtime(RuntimeConfig(pool_size=2, warm=2)) as rt:
        assert settle(lambda: rt.metrics()["pool"]["available"] == 2)
        yield rt


def test_after_kills_in_a_row_more_engines_stand_ready_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.pool.ROW_S", 1.5)
    limits = Limits(timeout_ms=10)
    with Runtime(RuntimeConfig(pool_size=2, warm=1, idle_s=0, health_interval_s=0.1)) as rt:

        def ready() -> int:
            return int(rt.metrics()["pool"]["available"])

        assert rt.execute("for (;;) {}", limits=limits).error is not None
        time.sleep(0.3)
        assert ready() <= 1, "one is replaced, and no more"
        for _ in range(2):
            assert rt.execute("for (;;) {}", limits=limits).error is not None
        assert settle(lambda: ready() == 3)
        assert settle(lambda: ready() == 1)
