"""What the runtime's parts do when something around them is wrong, each by itself."""

import json
import os
import socket
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import CODES, CallTrace, HostError, Limits, LogEntry, Outcome, Runtime, RuntimeConfig, ScriptError, Source
from runtime.calls import Calls, flatten
from runtime.compiler import Compiler, Entry, syntax_error
from runtime.engine import Engine, NotStarted
from runtime.errors import EngineUnavailable, is_retryable, source_of
from runtime.fairness import Places
from runtime.logbook import LogBook
from runtime.nursery import Nursery, Zygote
from runtime.pool import Pool
from runtime.run import Run
from runtime.wire import LOGS, RESTED, VERDICT, NotJson, ProtocolError, decode, encode, frame
from runtime.workers import Workers
from runtime.zygote import ANSWER
from tests.runtime.test_pool import settle


@pytest.fixture
def workers() -> Any:
    workers = Workers()
    yield workers
    workers.close()


class Told(list[bytes]):
    """Answers to host calls as they are sent."""

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)

    def __call__(self, message: bytes) -> None:
        self.append(message)
        self.arrived.release()

    def next(self) -> Any:
        assert self.arrived.acquire(timeout=10)
        return json.loads(self[-1])


def calls_of(
    workers: Workers, told: Told, host: dict[str, Callable[..., Any]], on_call: Any = None, **limits: int
) -> Calls:
    return Calls(host, Limits(**limits), workers, told, on_call, "e1")


@pytest.mark.parametrize(
    "request_", [b"[1]", b'[1,"f",{}]', b'[1,"f",[]', b'[2,"f",[]]', b'["1","f",[]]', b'[1,"g",[]]', b"\xff"]
)
def test_a_call_of_another_shape_breaks_the_protocol(workers: Workers, request_: bytes) -> None:
    with pytest.raises((ProtocolError, NotJson)):
        calls_of(workers, Told(), {"f": print}).accept(request_)


def test_a_call_beyond_the_budget_breaks_the_protocol(workers: Workers) -> None:
    calls = calls_of(workers, told := Told(), {"f": lambda: 1}, max_api_calls=1)
    calls.accept(b'[1,"f",[]]')
    assert told.next() == [1, True, 1]
    with pytest.raises(ProtocolError):
        calls.accept(b'[2,"f",[]]')


def test_after_a_cancel_no_call_is_served(workers: Workers) -> None:
    served: list[int] = []
    calls = calls_of(workers, Told(), {"f": served.append})
    calls.cancel()
    calls.accept(b'[1,"f",[1]]')
    assert calls.close() == []
    assert served == []


def test_calls_beyond_the_concurrent_ones_take_turns(workers: Workers) -> None:
    go, running, most = threading.Event(), [0], [0]

    def work() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        go.wait(10)
        running[0] -= 1

    calls = calls_of(workers, told := Told(), {"f": work}, max_concurrent_calls=2)
    for at in range(1, 6):
        calls.accept(b'[%d,"f",[]]' % at)
    go.set()
    for _ in range(5):
        told.next()
    assert most[0] <= 2
    assert [call.outcome for call in calls.close()] == ["ok"] * 5


def test_what_a_host_function_answers_must_be_json_of_a_size(workers: Workers) -> None:
    host = {"odd": lambda: {1, 2}, "large": lambda: "x" * 1_000, "nan": lambda: float("nan")}
    calls = calls_of(workers, told := Told(), host, max_answer_bytes=100)
    codes = []
    for at, name in enumerate(host, start=1):
        calls.accept(b'[%d,"%s",[]]' % (at, name.encode()))
        codes.append(told.next()[2]["code"])
    assert codes == ["RUNTIME_ERROR", "OUTPUT_TOO_LARGE", "RUNTIME_ERROR"]


def test_listeners_that_fail_change_nothing(workers: Workers, rt: Runtime) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a bug of the listener's")

    outcome = rt.execute("console.log(1); return await sdk.t.f()", host={"t.f": lambda: 1}, on_log=fail, on_call=fail)
    assert outcome.value == 1
    assert [entry.message for entry in outcome.logs] == ["1"]
    assert [call.outcome for call in outcome.calls] == ["ok"]


def test_a_host_of_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match="neither a function"):
        flatten({"a": 1})


def test_a_line_count_is_told_when_lines_were_dropped_and_none_is_left() -> None:
    run = SimpleNamespace(limits=Limits(max_log_lines=10), outcome=Outcome(), on_log=None)
    book = LogBook(run)  # type: ignore[arg-type]
    book.take({"dropped": 3, "lines": []})
    book.finish()
    assert run.outcome.logs[0].data == {"dropped": 3}
    for malformed in ([], {"lines": []}, {"dropped": 0, "lines": [{"level": "info"}]}):
        with pytest.raises(ProtocolError):
            book.take(malformed)


@pytest.mark.parametrize(
    "limits",
    [
        {"timeout_ms": 0},
        {"timeout_ms": True},
        {"cpu_ms": 1.5},
        {"memory_mb": 1},
        {"memory_mb": 4_096},
        {"max_log_lines": -1},
        {"cpu_ms": 10**15},
        {"max_answer_bytes": 10**9},
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="limit"):
        Limits(**limits)


@pytest.mark.parametrize("config", [{"pool_size": 0}, {"warm": 0}, {"cache_size": -1}, {"drain_seconds": -1}])
def test_a_pool_that_makes_no_sense_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        RuntimeConfig(**config)


def test_the_cache_of_verdicts_forgets_the_least_used_and_what_it_is_told_to() -> None:
    compiler = Compiler(2)
    first, second, third = (Source(f"return {at}") for at in range(3))
    compiler.find(first).checked = True
    compiler.find(second)
    assert compiler.find(first).checked
    compiler.find(third)
    assert compiler.stats() == {"size": 2, "hits": 1, "misses": 3, "capacity": 2}
    compiler.invalidate(first)
    assert not compiler.find(first).checked
    compiler.invalidate()
    assert compiler.stats()["size"] == 0


def test_a_report_of_another_form_is_still_a_syntax_error() -> None:
    assert syntax_error(Source("x"), "something new\nabout it", 0).message == "something new"
    assert syntax_error(Source("x"), "", 0).message == "SyntaxError"


def test_numbers_keep_their_value_or_are_refused() -> None:
    assert decode(b"9007199254740995") == 9007199254740996.0
    assert decode(b"[123456789012345678]") == [123456789012345680.0]
    for text in (b"1e999", b"-1e999", b"NaN", b"[", b"\xff"):
        with pytest.raises(NotJson):
            decode(text)
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotJson):
        encode(deep)


def test_every_code_has_a_source_and_strange_ones_come_from_the_host() -> None:
    assert {source_of(code) for code in CODES} == {"syntax", "runtime", "permission", "resource", "timeout", "host"}
    assert source_of("MINE") == "host"
    assert not is_retryable("MINE")
    error = ScriptError.of("TIMEOUT", "late")
    assert error.to_dict()["retryable"] is True
    assert HostError("X", "m").retryable is False


def test_records_become_plain_values() -> None:
    assert LogEntry("info", "m", None, 1.0).to_dict() == {
        "level": "info",
        "message": "m",
        "data": None,
        "timestamp": 1.0,
    }
    assert CallTrace(1, "f", 0.5).to_dict()["outcome"] is None
    assert Outcome().metrics.to_dict()["prepared"] is False
    assert Source.of("x", "a b(c).js:1").name == "a_b_c_.js_1"
    assert Source.of(source := Source("x")) is source


def test_nobody_gets_a_place_after_closing_and_those_waiting_are_told() -> None:
    places, turns = Places(1), []
    assert places.take("a", 1, lambda _: None) == "granted"
    waiting = [threading.Thread(target=lambda: turns.append(places.take("b", 10, lambda _: None))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert settle(lambda: places.waiting == 2)
    places.close()
    for thread in waiting:
        thread.join()
    assert turns == ["closed", "closed"]
    assert places.take("a", 1, lambda _: None) == "closed"


def test_one_tenants_next_waiter_keeps_its_queue() -> None:
    places, order = Places(1), []
    places.take("a", 1, lambda _: None)

    def wait(at: int) -> None:
        if places.take("a", 10, lambda _: None) == "granted":
            order.append(at)
            places.give()

    threads = [threading.Thread(target=wait, args=(at,)) for at in range(3)]
    for at, thread in enumerate(threads):
        thread.start()
        assert settle(lambda at=at: places.waiting == at + 1)
    places.give()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2]


# ---- Engines that die at the wrong moment. ----


class FakeNursery:
    def __init__(self) -> None:
        self.ends: list[socket.socket] = []

    def fork(self, sock: socket.socket, errors: int) -> tuple[Any, int]:
        self.ends.append(sock.dup())
        return SimpleNamespace(reap=lambda pid: 0), 2**22 + 1  # no process has this id


@pytest.fixture
def fake() -> Any:
    nursery = FakeNursery()
    engine = Engine(nursery, 1)  # type: ignore[arg-type]
    yield engine, nursery.ends[0]
    engine.bury()
    nursery.ends[0].close()


def test_an_engine_that_hangs_up_is_dead_and_answers_nothing(fake: tuple[Engine, socket.socket]) -> None:
    engine, theirs = fake
    assert not engine.dead
    theirs.close()
    assert engine.dead
    assert not engine.ping(1)
    died = engine.check(Source("return 1"))
    assert died is not None
    assert died.code == "ENGINE_CRASHED"
    assert engine.bury() == (None, "")
    assert engine.bury() == (None, "")


def test_an_engine_that_never_rests_does_not_begin_a_run(
    fake: tuple[Engine, socket.socket], monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    monkeypatch.setattr("runtime.engine.START_TIMEOUT_S", 0.05)
    source = Source("return 1")
    calls = calls_of(workers, Told(), {})
    with pytest.raises(NotStarted, match="did not begin"):
        fake[0].run(Run(source, Entry(source.key), "[]", "{}", Limits(), calls))


def test_an_engine_that_does_not_even_read_holds_nobody_for_ever(
    fake: tuple[Engine, socket.socket], monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    engine, theirs = fake
    monkeypatch.setattr("runtime.engine.START_TIMEOUT_S", 0.05)
    monkeypatch.setattr("runtime.engine.CHECK_TIMEOUT_S", 0.05)
    theirs.sendall(frame(RESTED))
    assert engine.rested
    source, much = Source("return 1"), "x" * 5_000_000
    calls = calls_of(workers, Told(), {})
    with pytest.raises(NotStarted):
        engine.run(Run(source, Entry(source.key), "[]", much, Limits(), calls))
    unread = engine.check(Source(much))
    assert unread is not None
    assert unread.code == "ENGINE_CRASHED"


def test_an_engine_whose_run_is_interrupted_serves_nobody_any_more(
    fake: tuple[Engine, socket.socket], workers: Workers
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    engine, theirs = fake
    source = Source("return 1")
    line = b'{"dropped":0,"lines":[{"level":"info","message":"","timestamp":0}]}'
    theirs.sendall(frame(RESTED) + frame(LOGS, line))
    run = Run(source, Entry(source.key), "[]", "{}", Limits(), calls_of(workers, Told(), {}), interrupt)
    with pytest.raises(KeyboardInterrupt):
        engine.run(run)
    assert engine.dead


def test_who_is_interrupted_while_waiting_keeps_no_place() -> None:
    def interrupted_as_the_place_comes(_: object) -> None:
        places.give()
        raise KeyboardInterrupt

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    places = Places(1)
    for on_wait in (interrupted_as_the_place_comes, interrupted):
        assert places.take("a", 0, lambda _: None) == "granted"
        with pytest.raises(KeyboardInterrupt):
            places.take("b", 10, on_wait)
        assert places.waiting == 0
        if on_wait is interrupted:
            places.give()
    assert places.take("a", 0, lambda _: None) == "granted"


def test_what_cannot_be_seen_of_an_engine_counts_as_nothing(fake: tuple[Engine, socket.socket]) -> None:
    engine, _ = fake
    engine._sizes = os.open(os.devnull, os.O_RDONLY)
    assert engine.resident() == 0
    with open(f"/proc/self/fd/{engine._errors}", "rb"):  # a pipe that somebody still writes to, and says nothing
        assert engine._last_words() == ""


def test_a_verdict_that_is_not_json_is_none(fake: tuple[Engine, socket.socket]) -> None:
    engine, theirs = fake
    theirs.sendall(frame(VERDICT, b"{"))
    error = engine.check(Source("return 1"))
    assert error is not None
    assert error.code == "ENGINE_CRASHED"


def test_an_engine_that_is_silent_is_given_up(
    fake: tuple[Engine, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, theirs = fake
    monkeypatch.setattr("runtime.engine.CHECK_TIMEOUT_S", 0.05)
    assert not engine.ping(0.05)
    late = engine.check(Source("return 1"))
    assert late is not None
    assert late.code == "TIMEOUT"
    theirs.sendall(b"\x00\x00\x00\x00?")
    assert not engine.ping(5)


def test_an_engine_that_cannot_be_forked_leaves_nothing_open() -> None:
    def refuse(sock: socket.socket, errors: int) -> tuple[Any, int]:
        raise EngineUnavailable("no room")

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(EngineUnavailable):
        Engine(SimpleNamespace(fork=refuse), 1)  # type: ignore[arg-type]
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_run_whose_engines_all_die_before_it_begins_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(engine: Engine, run: object) -> None:
        raise NotStarted("gone")

    with Runtime(RuntimeConfig(pool_size=1)) as rt:
        assert rt.execute("return 1").value == 1
        monkeypatch.setattr(Engine, "run", die)
        error = rt.execute("return 1").error
        assert error is not None
        assert error.code == "ENGINE_CRASHED"
        assert rt.probe() is not None
        monkeypatch.undo()
        assert rt.execute("return 1").value == 1
        assert rt.probe() is None


def test_a_zygote_that_cannot_fork_says_why() -> None:
    ours, theirs = socket.socketpair()
    zygote = Zygote.__new__(Zygote)
    ours.settimeout(1.0)  # what was sent along keeps the other end open until the kernel looks
    zygote._sock, zygote._lock = ours, threading.Lock()
    theirs.sendall(ANSWER.pack(-1, 11))
    with pytest.raises(EngineUnavailable, match="temporarily"):
        zygote.fork(theirs, theirs.fileno())
    theirs.close()
    assert zygote.reap(1) == 0
    ours.close()


def test_a_nursery_tries_a_second_zygote_and_then_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    nursery, sock = Nursery(1), socket.socket()
    broken = SimpleNamespace(ended="", retire=lambda: None, fork=lambda *_: (_ for _ in ()).throw(OSError("broken")))
    whole = SimpleNamespace(fork=lambda *_: 77)
    following = iter([broken, whole, broken, broken])
    monkeypatch.setattr(nursery, "_current", lambda: next(following))
    assert nursery.fork(sock, 0) == (whole, 77)
    with pytest.raises(EngineUnavailable, match="twice"):
        nursery.fork(sock, 0)
    sock.close()


# ---- The runtime's own doors. ----


def test_what_cannot_be_sent_to_an_engine_is_refused_before(rt: Runtime) -> None:
    def code(**more: Any) -> str:
        error = rt.execute("return 1", **more).error
        assert error is not None
        return error.code

    assert code(input={1, 2}) == "INVALID_INPUT"
    assert code(input="x" * 100, limits=Limits(max_input_bytes=50)) == "INVALID_INPUT"
    assert code(limits=Limits(max_source_bytes=3)) == "INVALID_INPUT"
    half = rt.validate("'\ud800'")
    assert half is not None
    assert half.code == "SYNTAX_ERROR"


def test_one_execution_id_runs_once_at_a_time(rt: Runtime) -> None:
    started = threading.Event()
    first = threading.Thread(
        target=lambda: rt.execute("await sdk.sleep(300)", execution_id="same", on_start=started.set)
    )
    first.start()
    assert started.wait(10)
    with pytest.raises(ValueError, match="already running"):
        rt.execute("return 1", execution_id="same")
    first.join()
    assert rt.execute("return 1", execution_id="same").execution_id == "same"
    assert not rt.cancel("same")


def test_a_runtime_belongs_to_the_process_that_made_it(rt: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rt, "_owner", -1)
    with pytest.raises(RuntimeError, match="another process"):
        rt.execute("return 1")
    rt.close()
    monkeypatch.undo()
    assert rt.execute("return 1").value == 1


def test_a_cancelled_run_is_not_started_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with Runtime(RuntimeConfig(pool_size=1)) as rt:
        lease = Pool.lease

        def cancel_first(pool: Pool, *arguments: Any) -> Engine:
            rt.cancel("c")
            return lease(pool, *arguments)

        monkeypatch.setattr(Pool, "lease", cancel_first)
        error = rt.execute("return 1", execution_id="c").error
        assert error is not None
        assert error.code == "CANCELLED"


def test_after_closing_nothing_is_asked_any_more() -> None:
    rt = Runtime(RuntimeConfig(pool_size=1))
    assert rt.validate("return 1") is None
    rt.close(0)
    rt.close(0)
    assert rt.probe() is not None
    assert rt.processes() == []
    refused = rt.validate("return 2")
    assert refused is not None
    assert refused.code == "ENGINE_CRASHED"
