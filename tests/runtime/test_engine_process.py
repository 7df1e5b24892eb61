"""What happens around scripts in the zygote and in engines, run here with the ends of processes written down, not met."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import child, driver, nursery, sandbox, script_run, snapshot, zygote
from runtime.chamber import LOG, TIMER, VALUE
from runtime.driver import ScriptFailure
from runtime.gauge import Gauge
from runtime.script_run import ScriptRun
from runtime.wire import CHECK, END, ERROR, PING, READY, RESTED, VERDICT, Inbox, frame
from runtime.zygote import ANSWER, FORK, ORDER, REAP
from tests.support import measured

# ---- The zygote. ----


class Ended(BaseException):
    """In place of the end of a process."""


class Mother:
    """A zygote on a thread: its forks are numbers, its end is written down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.forks: list[int | OSError] = []
        self.killed: list[int] = []
        self.begun: list[int] = []
        monkeypatch.setattr(sandbox, "enter_namespaces", lambda: ["none"])
        monkeypatch.setattr(snapshot, "install", lambda library, names: False)
        monkeypatch.setattr(zygote, "gc", SimpleNamespace(collect=lambda: 0, freeze=lambda: None))
        monkeypatch.setattr(zygote, "mind_own_signals", lambda: None)
        monkeypatch.setattr(
            zygote,
            "os",
            SimpleNamespace(
                fork=self.fork, waitpid=lambda pid, _: (pid, 9), kill=lambda pid, _: self.killed.append(pid),
                close=os.close, getpid=os.getpid, _exit=self.end,
            ),
        )  # fmt: skip
        monkeypatch.setattr(child, "begin", lambda sock, errors, *_: self.begin(sock, errors))
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(20)
        self.thread = threading.Thread(target=self.live, args=(theirs.detach(),))
        self.thread.start()
        assert self.answer() == (os.getpid(), False)

    def live(self, control: int) -> None:
        try:
            zygote.main(control, 1, "[]")
        except Ended:
            return

    def fork(self) -> int:
        number = self.forks.pop(0)
        if isinstance(number, OSError):
            raise number
        return number

    def begin(self, sock: socket.socket, errors: int) -> None:
        self.begun.append(errors)
        sock.close()
        os.close(errors)
        raise Ended

    def end(self, status: int) -> None:
        raise Ended

    def ask(self, order: bytes, pid: int = 0) -> None:
        if order == REAP:
            self.sock.sendall(ORDER.pack(REAP, pid))
            return
        with socket.socket() as given:
            reading, writing = os.pipe()
            socket.send_fds(self.sock, [ORDER.pack(FORK, 0)], [given.fileno(), writing])
            os.close(reading)
            os.close(writing)

    def answer(self) -> tuple[int, int]:
        pid, status = ANSWER.unpack(self.sock.recv(ANSWER.size))
        return pid, status


@pytest.fixture
def mother(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mother]:
    mother = Mother(monkeypatch)
    yield mother
    mother.sock.close()
    mother.thread.join(20)
    assert not mother.thread.is_alive()


SIGNALS = """
import os, signal
from runtime import zygote
signal.signal(signal.SIGPROF, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
zygote.mind_own_signals()
for number in (signal.SIGTERM, signal.SIGPROF):
    os.kill(os.getpid(), number)
    print(number, flush=True)
"""


def test_a_zygote_minds_its_own_signals() -> None:
    code = SIGNALS.replace("signal.SIGPROF):", "signal.SIGINT):") + "os._exit(0)"
    for program, ended, said in ((SIGNALS, -signal.SIGPROF, b"15\n"), (measured.program(code), 0, b"15\n2\n")):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=nursery.ROOT, timeout=60)
        assert (done.returncode, done.stdout, measured.collect(done.stderr)) == (ended, said, b"")


def test_a_zygote_forks_and_reaps_what_it_forked_and_nothing_else(mother: Mother) -> None:
    mother.forks += [71, 72, OSError(11, "no more")]
    for expected in ((71, 0), (72, 0), (-1, 11)):
        mother.ask(FORK)
        assert mother.answer() == expected
    mother.ask(REAP, 71)
    assert mother.answer() == (71, 9)
    mother.ask(REAP, 71)
    assert mother.answer() == (71, 0)
    mother.sock.close()
    mother.thread.join(20)
    assert mother.killed == [72]


def test_a_forked_process_becomes_an_engine(mother: Mother) -> None:
    mother.forks.append(0)
    mother.ask(FORK)
    mother.thread.join(20)
    assert len(mother.begun) == 1


# ---- The ends of a run in an engine whose parent is gone or not honest. ----


class Stage:
    """A run with a chamber that only listens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parent, self.sock = socket.socketpair()
        self.exits: list[int] = []
        monkeypatch.setattr(script_run.os, "_exit", self.exits.append)
        rejections = SimpleNamespace(take=list)
        chamber: Any = SimpleNamespace(
            heard=None, tell=lambda *_: None, rejections=rejections, isolate=SimpleNamespace(out_of_memory=False)
        )
        order = {"run": 1, "log_lines": 10, "name": "script.js"}
        self.run = ScriptRun(self.sock, Inbox(self.sock), Gauge(), chamber, order)

    def hear(self) -> list[bytes]:
        self.parent.settimeout(20)
        inbox = Inbox(self.parent)
        return [inbox.receive(10**6)[0] for _ in range(2)]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    stage = Stage(monkeypatch)
    yield stage
    stage.parent.close()
    stage.sock.close()


def test_an_engine_ends_when_its_parent_is_gone(stage: Stage) -> None:
    stage.parent.close()
    stage.run._turned(None)
    stage.run._heard(LOG, '{"level":"info"}')
    assert stage.exits == [0, 0]


def test_an_engine_ends_when_it_does_not_understand(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.parent.sendall(frame(PING))
    stage.run._turned(None)
    stage.run._heard(TIMER, "not two numbers")
    assert stage.exits == [1, 1]
    assert "ProtocolError" in capfd.readouterr().err


def test_what_v8_could_not_call_is_told_as_an_error(stage: Stage) -> None:
    stage.run._turned(ScriptFailure("error", "no"))
    assert stage.hear() == [ERROR, END]


def test_an_engine_without_memory_to_hear_its_script_ends(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def hear() -> None:
        raise MemoryError

    exits: list[int] = []
    monkeypatch.setattr(driver.os, "_exit", exits.append)
    isolate: Any = SimpleNamespace(NOTIFY=1, _python=1, free=lambda _: None, _on_notify=hear)
    driver.Isolate._called_back(isolate, 1, None)
    assert exits == [1]
    assert "MemoryError" in capfd.readouterr().err  # by which the parent knows why


def test_a_run_that_has_ended_is_told_once_and_not_waited_for(stage: Stage) -> None:
    stage.run._heard(VALUE, "1")
    stage.run._heard(VALUE, "2")
    stage.run._turned(ScriptFailure("terminated", "again"))
    stage.run._rested.acquire(timeout=1)
    assert not stage.run.perform(b"{}")
    stage.sock.close()
    assert stage.hear()[1] == END
    assert not stage.parent.recv(1)


# ---- A whole engine in a process that this one starts, from its namespaces to its end. ----

ENGINE = """
import socket, sys
from runtime import child, driver, sandbox, zygote
library = driver.start(zygote.FLAGS)
child.begin(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), library, sandbox.enter_namespaces(), 1, "[]")
"""


def test_an_engine_locks_itself_down_serves_and_ends_with_its_parent() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", measured.program(ENGINE), str(theirs.fileno()), str(writing)],
        pass_fds=[theirs.fileno(), writing], cwd=nursery.ROOT,
    )  # fmt: skip
    theirs.close()
    os.close(writing)
    inbox = Inbox(ours)
    kind, payload = inbox.receive(10**6)
    assert kind == READY
    assert {"rlimits", "no_new_privileges"} <= set(json.loads(payload)["means"])
    assert inbox.receive(10**6)[0] == RESTED
    ours.sendall(frame(CHECK, b"return 1"))
    assert inbox.receive(10**6) == (VERDICT, b"null")
    ours.close()
    with open(reading, "rb") as said:
        assert measured.collect(said.read()) == b""
    assert process.wait(20) == 0


def test_an_engine_that_cannot_go_on_says_why_and_ends() -> None:
    reading, writing = os.pipe()
    broken = "from runtime import child; child.Gauge = None; import socket, sys\n"
    broken += "child.begin(socket.socketpair()[0], int(sys.argv[1]), None, [], 1, '[]')"
    process = subprocess.Popen([sys.executable, "-c", broken, str(writing)], pass_fds=[writing], cwd=nursery.ROOT)
    os.close(writing)
    with open(reading, "rb") as said:
        assert b"TypeError" in said.read()
    assert process.wait(20) == 1


# ---- Means that are missing. ----


def test_an_engine_without_proc_still_bounds_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "open_proc", lambda *_: None)
    gauge = Gauge()
    assert gauge.files == set()
    gauge.rest()
    gauge.limit(2**20, 60)
    assert signal.getitimer(signal.ITIMER_PROF)[0] > 0
    gauge.unlimit()
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0
    assert gauge.used()[1] >= 0


def test_a_file_that_is_not_there_is_no_file() -> None:
    assert sandbox.open_proc("no such file", os.O_RDONLY) is None


def test_other_systems_only_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "LINUX", False)
    monkeypatch.setattr(sandbox, "_limit_resources", lambda: True)
    assert sandbox.lock_down() == ["rlimits"]
    file = sandbox.open_proc("statm", os.O_RDONLY)
    assert file is not None
    os.close(file)


class Kernel:
    """Answers system calls as it is told."""

    def __init__(self, **answers: int) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self._answers.get(name, 0)


@pytest.mark.parametrize(
    ("user", "unshare", "nobody", "means"),
    [
        (0, 0, True, ["namespaces", "unprivileged_user"]),
        (0, -1, True, ["unprivileged_user"]),
        (0, -1, False, []),
        (1000, 0, False, ["namespaces"]),
        (1000, -1, False, []),
    ],
    ids=["root", "root without namespaces", "root without anything", "a user", "a user without namespaces"],
)
def test_it_leaves_the_world_as_far_as_it_can(
    monkeypatch: pytest.MonkeyPatch, user: int, unshare: int, nobody: bool, means: list[str]
) -> None:
    def become(_: object) -> None:
        if not nobody:
            raise PermissionError

    monkeypatch.setattr(sandbox, "_libc", Kernel(unshare=unshare))
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: user)
    for change in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(sandbox.os, change, become)
    assert sandbox.enter_namespaces() == means


def test_a_kernel_without_landlock_or_with_an_odd_one_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_libc", Kernel(syscall=-1))
    assert not sandbox._landlock()
    answers = iter([6, -1])
    monkeypatch.setattr(sandbox, "_libc", SimpleNamespace(syscall=lambda *_: next(answers)))
    assert not sandbox._landlock()


def test_an_engine_whose_parent_died_before_it_could_ask_to_die_with_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    parents, exits = iter([1, 2]), []
    monkeypatch.setattr(sandbox, "_libc", Kernel())
    monkeypatch.setattr(sandbox.os, "getppid", lambda: next(parents))
    monkeypatch.setattr(sandbox.os, "_exit", exits.append)
    sandbox._die_with_parent()
    assert exits == [0]


def test_an_unknown_machine_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.platform, "machine", lambda: "abacus")
    assert not sandbox._seccomp()


def test_what_is_no_buffer_is_not_looked_into() -> None:
    text: Any = SimpleNamespace(contents=SimpleNamespace(type=driver.TEXT))
    with pytest.raises(driver.BindingChanged):
        driver.view(text)
