"""The engine's own code, run in this process beside a socket, so that its every branch can be looked at."""

import ctypes
import json
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from runtime import child, digests, driver, rejections, sandbox, zygote
from runtime.gauge import Gauge
from runtime.wire import (
    ANSWER,
    CALL,
    CHECK,
    END,
    ERROR,
    LOGS,
    PING,
    PONG,
    READY,
    RESTED,
    RUN,
    VALUE,
    VERDICT,
    Inbox,
    frame,
    pack_answer,
    pack_order,
)
from runtime.workers import Workers


class Parent:
    """The other end of an engine that lives on a thread."""

    def __init__(self) -> None:
        self.sock, theirs = socket.socketpair()
        library = driver.start(zygote.FLAGS)
        self.thread = threading.Thread(
            target=lambda: child.Child(theirs, library, Gauge(), ["none"], 1, "[]").serve(), daemon=True
        )
        self.thread.start()
        self.inbox = Inbox(self.sock)
        self.runs = 0

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        self.sock.sendall(frame(kind, payload))

    def hear(self) -> tuple[bytes, Any]:
        self.sock.settimeout(20)
        kind = RESTED
        while kind == RESTED:
            kind, payload = self.inbox.receive(10**8)
        return kind, json.loads(payload) if payload else None

    def run(self, source: str, **more: Any) -> None:
        self.runs += 1
        order = {
            "run": self.runs, "key": source, "name": "script.js", "names": '["t.f"]', "checked": False, "keep": False,
            "memory": 256 * 2**20, "cpu_s": 60, "log_lines": 20, **more,
        }  # fmt: skip
        settings = {
            "maxOutput": 10**6,
            "maxCall": 10**6,
            "maxCalls": 10,
            "maxLine": 500,
            "timeout": 1000,
            "context": {},
        }
        self.send(RUN, pack_order(order, source if not more.get("silent") else "", json.dumps(settings)))

    def value(self, source: str, **more: Any) -> Any:
        self.run(source, **more)
        kind, value = self.hear()
        assert kind == VALUE
        assert self.hear()[0] == END
        return value


@pytest.fixture
def _traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """V8 makes the isolates' threads itself: whoever measures or debugs other threads would not see these."""

    def trace(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def traced(*arguments: Any) -> None:
            if sys.gettrace() is None:
                sys.settrace(threading.gettrace())
            original(*arguments)

        monkeypatch.setattr(owner, name, traced)

    trace(driver.Isolate, "_called_back")
    trace(rejections.Rejections, "_told")


@pytest.fixture
def parent(_traced: None) -> Iterator[Parent]:
    parent = Parent()
    assert parent.hear()[0] == READY
    yield parent
    parent.sock.close()
    parent.thread.join(10)
    assert not parent.thread.is_alive()


@pytest.mark.usefixtures("_traced")
def test_nobody_hears_of_its_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed: list[str] = []
    original = child.Child._run
    monkeypatch.setattr(
        child.Child, "_run", lambda self, order: (rehearsed.append(type(self._sock).__name__), original(self, order))[1]
    )
    another = Parent()
    another.send(PING)
    heard = [another.inbox.receive(10**6) for _ in range(3)]
    another.sock.close()
    another.thread.join(10)
    assert ([kind for kind, _ in heard], rehearsed) == ([READY, RESTED, PONG], ["_Nobody"])


def test_it_answers_pings_and_checks_without_running(parent: Parent) -> None:
    parent.send(PING)
    assert parent.hear() == (PONG, None)
    parent.send(CHECK, b"return 1")
    assert parent.hear() == (VERDICT, None)
    for bad, place in (
        (b"const = 1", "source:1: SyntaxError: Unexpected"),
        (b"let a\n} let b", "source:2: SyntaxError: Unexpected token '}'"),
    ):
        parent.send(CHECK, bad)
        kind, verdict = parent.hear()
        assert (kind, verdict["fixed"]) == (VERDICT, "SYNTAX_ERROR")
        assert place.removeprefix("source") in verdict["report"]


def test_it_runs_one_script_after_another_and_keeps_hot_ones(parent: Parent) -> None:
    for at in range(3):
        assert parent.value(f"return {at} + 'ў'", keep=True) == f"{at}ў"
    assert parent.value("return 2 + 'ў'", keep=True, silent=True) == "2ў"


def test_it_reports_errors_and_bad_syntax(parent: Parent) -> None:
    for source, fixed in (
        ("throw new Error('x')", None),
        ("const = 1", "SYNTAX_ERROR"),
        ("return 1n", "RESULT_NOT_JSON"),
    ):
        parent.run(source)
        kind, report = parent.hear()
        assert kind == ERROR
        assert report.get("fixed") == fixed
        assert parent.hear()[0] == END


def test_a_source_somebody_wrongly_called_checked_is_a_syntax_error_too(parent: Parent) -> None:
    parent.run("const = 1", checked=True)
    kind, report = parent.hear()
    assert (kind, report["fixed"]) == (ERROR, "SYNTAX_ERROR")
    assert parent.hear()[0] == END
    assert parent.value("return 1") == 1


def test_an_order_it_does_not_know_is_passed_over(parent: Parent) -> None:
    parent.send(b"?")
    assert parent.value("return 1") == 1


def test_it_passes_calls_on_and_ignores_answers_to_other_runs(parent: Parent) -> None:
    parent.run("return [await sdk.t.f('ў'), await sdk.t.f(2)]")
    assert parent.hear() == (CALL, [1, "t.f", ["ў"]])
    parent.send(ANSWER, pack_answer(99, b'[1,true,"wrong"]'))
    parent.send(ANSWER, pack_answer(1, b'[1,true,"right"]'))
    assert parent.hear() == (CALL, [2, "t.f", [2]])
    parent.send(ANSWER, pack_answer(1, b'[2,true,"too"]'))
    assert parent.hear() == (VALUE, ["right", "too"])
    assert parent.hear()[0] == END


def test_it_keeps_time_and_sheds_the_middle_of_a_flood(parent: Parent) -> None:
    source = """const gone = setTimeout(() => console.log('never'), 1); clearTimeout(gone);
        for (let i = 0; i < 100; i++) console.log(i); await sdk.sleep(5); return sdk.crypto.hash('sha256', '')"""
    parent.run(source)
    lines, dropped = [], 0
    while (heard := parent.hear())[0] == LOGS:
        lines += [line["message"] for line in heard[1]["lines"]]
        dropped += heard[1]["dropped"]
    assert heard[0] == VALUE
    assert parent.hear()[0] == END
    assert lines[:3] == ["0", "1", "2"]
    assert lines[-1] == "99"
    assert len(lines) + dropped == 100


def test_timers_fire_again_and_rejections_are_told(parent: Parent) -> None:
    parent.run("""let ticks = 0; const id = setInterval(() => { if (++ticks === 3) clearInterval(id); }, 1);
        const gone = setTimeout(() => console.log('never'), 5); clearTimeout(gone);
        Promise.reject(new Error('a')); Promise.reject('b').then(() => 1); const late = Promise.reject(1); await null; late.catch(() => 1);
        await sdk.sleep(30); return ticks""")
    kind, heard = parent.hear()
    assert kind == LOGS
    assert [line["message"].split("\n")[0] for line in heard["lines"]] == ["Unhandled rejection: Error: a"]
    assert parent.hear()[1]["lines"][0]["message"] == "Unhandled rejection: b"
    assert parent.hear() == (VALUE, 3)
    assert parent.hear()[0] == END


def test_a_flood_is_shed_in_between_too(parent: Parent) -> None:
    parent.run("for (let i = 0; i < 40; i++) { console.log(i); if (i % 10 === 9) await sdk.sleep(130) } return 'done'")
    heard = [parent.hear()]
    while heard[-1][0] != END:
        heard.append(parent.hear())
    lines = [line["message"] for kind, batch in heard if kind == LOGS for line in batch["lines"]]
    dropped = sum(batch["dropped"] for kind, batch in heard if kind == LOGS)
    assert len(lines) + dropped == 40
    assert lines[-1] == "39"


def test_long_and_wide_messages_come_in_parts(parent: Parent) -> None:
    assert parent.value("return 'x'.repeat(200000)") == "x" * 200_000
    assert parent.value("return 'ў'.repeat(100000)") == "ў" * 100_000


def test_memory_beyond_the_limit_ends_the_run_wherever_it_is_used(parent: Parent) -> None:
    parent.run("await null; const a = []; for (;;) a.push({})", memory=20 * 2**20)
    kind, report = parent.hear()
    assert (kind, report["fixed"]) == (ERROR, "MEMORY_LIMIT")
    assert parent.hear()[0] == END


def test_the_least_used_hot_script_is_forgotten(parent: Parent) -> None:
    for source in ("return 1", "return 2", "return 1"):
        assert parent.value(source, keep=True) == int(source[-1])


def test_an_order_that_comes_early_is_put_aside(parent: Parent) -> None:
    parent.run("return 1")
    assert parent.hear()[0] == VALUE
    parent.send(PING)
    assert [parent.hear()[0] for _ in range(2)] == [END, PONG]


def test_digests_refuse_what_they_do_not_know() -> None:
    def error(operation: str, *arguments: Any) -> str:
        return str(json.loads(digests.answer(json.dumps([operation, arguments])))["error"])

    def value(operation: str, *arguments: Any) -> Any:
        return json.loads(digests.answer(json.dumps([operation, arguments])))["value"]

    key, text = {"hex": "6b6579"}, {"text": "message"}
    assert value("hmac", "sha256", key, text, "hex")[:8] == "6e9ef29b"
    assert value("hash", "MD5", text, "base64") == "eOcxAn2P1Q7WQjQLfJpjsw=="
    assert value("hash", "SHA-1", text, "base64url") == "b5ua881ui4pzws3O03_p9ZIm4n0"
    assert value("equal", text, text) is True
    assert len(value("bytes", 4)) == 8
    assert len(value("uuid")) == 36
    assert "algorithm" in error("hash", "md4", {"text": ""}, "hex")
    assert "encoding" in error("hash", "SHA-256", {"text": ""}, "latin")
    assert "0 to" in error("bytes", 10**9)
    assert "0 to" in error("bytes", True)
    assert error("nothing") == "bad arguments"
    assert error("hash") == "bad arguments"


def verdict(program: bytes, number: int, argument: int = 0, architecture: int = 0xC000003E) -> int:
    """What the kernel would decide."""
    data = {0: number, 4: architecture, 16: argument}
    steps = list(struct.iter_unpack("=HBBI", program))
    at = held = 0
    while True:
        code, yes, no, value = steps[at]
        if code == 0x06:
            return int(value)
        if code == 0x20:
            held = data[value]
        else:
            at += yes if (held == value if code == 0x15 else held & value) else no
        at += 1


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_lets_threads_be_made_and_nothing_else(machine: str) -> None:
    architecture, numbers = sandbox._MACHINES[machine]
    program = sandbox.build_filter(architecture, numbers, pid=77)
    allow, refuse, unknown = 0x7FFF0000, 0x00050001, 0x00050026

    def decide(name: str, argument: int = 0) -> int:
        return verdict(program, numbers[name], argument, architecture)

    assert decide("read") == allow
    assert decide("clone", 0x10000) == allow
    assert decide("clone", 17) == refuse
    assert decide("clone3") == unknown
    assert decide("tgkill", 77) == allow
    assert decide("tgkill", 1) == refuse
    assert decide("prlimit64", 5) == refuse
    assert verdict(program, 9_999, 0, architecture) == refuse
    assert verdict(program, numbers["read"], 0, 1) == 0x80000000


def test_a_changed_binding_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver.binding, "init_mini_racer", lambda **_: object())
    with pytest.raises(driver.BindingChanged, match="mr_eval"):
        driver.start(())
    monkeypatch.delattr(driver.binding, "MR_CALLBACK")
    with pytest.raises(driver.BindingChanged):
        driver.start(())


def test_a_binding_that_hides_v8_only_loses_the_report_of_rejections() -> None:
    watch = rejections.Rejections(ctypes.CDLL(None))
    watch.listen()
    assert watch.take() == []


def test_v8_honours_every_flag() -> None:

    code = "from runtime import driver, zygote; print(driver.start(zygote.FLAGS).mr_v8_version().decode())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "unrecognized" not in done.stderr + done.stdout
    assert done.stdout.strip()[0].isdigit()


def test_the_workers_wait_for_work_and_leave_when_idle() -> None:

    workers, done = Workers(idle_s=0.1), threading.Event()
    workers.submit(done.set)
    assert done.wait(20)
    until = time.monotonic() + 20
    while workers._threads and time.monotonic() < until:
        time.sleep(0.05)
    assert not workers._threads
    workers.submit(done.set)
    workers.close()


def test_python_knows_an_isolates_thread_until_it_ends() -> None:
    """Else it would be made known anew with every callback; and what it holds must not outlive it."""

    class Kept:
        pass

    local, kept, found = threading.local(), [], []

    def told() -> None:
        found.append(hasattr(local, "kept"))
        if not found[-1]:
            local.kept = Kept()
            kept.append(weakref.ref(local.kept))

    isolate = driver.Isolate(driver.start(zygote.FLAGS), told)
    notify, nothing = isolate.notifier(), isolate.evaluate("[]")
    turn = isolate.evaluate("(function () { this(); this(); })")
    for _ in range(2):
        done = threading.Event()
        isolate.call(turn, notify, nothing, lambda failure, done=done: done.set())
        assert done.wait(10)
    assert found == [False, True, True, True]
    assert kept[0]() is not None
    while isolate.busy:
        time.sleep(0.001)
    isolate.close()
    assert kept[0]() is None
