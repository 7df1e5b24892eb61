"""A hostile engine: forged frames from a fake child end that child and nothing else."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from runtime import Limits, Source
from runtime.calls import Calls
from runtime.compiler import Entry
from runtime.engine import Engine, NotStarted
from runtime.run import Run
from runtime.wire import CALL, END, ERROR, LOGS, READY, RESTED, RUN, VALUE, Inbox, frame
from runtime.workers import Workers


class FakeZygote:
    def reap(self, pid: int) -> int:
        return 0


class FakeNursery:
    """Gives the test the engine's end of the socket."""

    def fork(self, sock: socket.socket, errors: int) -> tuple[FakeZygote, int]:
        self.theirs = sock.dup()
        return FakeZygote(), 2**22 + 1  # no process has this id


@pytest.fixture
def engine() -> Iterator[tuple[Engine, socket.socket]]:
    nursery = FakeNursery()
    engine = Engine(nursery, 1)  # type: ignore[arg-type]
    yield engine, nursery.theirs
    engine.bury()
    nursery.theirs.close()


def new_run(workers: Workers, timeout_ms: int = 2_000) -> Run:
    limits, source = Limits(timeout_ms=timeout_ms), Source("return 1")
    calls = Calls({"t.f": lambda: 1}, limits, workers, lambda _: None, None, None)
    return Run(source, Entry(source.key), "[]", "{}", limits, calls)


def converse(engine: Engine, theirs: socket.socket, frames: list[bytes], timeout_ms: int = 2_000) -> Run:
    def speak() -> None:
        assert Inbox(theirs).receive(10**7)[0] == RUN
        theirs.sendall(frame(RESTED) + b"".join(frames))

    workers = Workers()
    run = new_run(workers, timeout_ms)
    speaker = threading.Thread(target=speak)
    speaker.start()
    engine.run(run)
    speaker.join()
    workers.close()
    return run


GOOD_END = frame(END, b'{"cpu_ms":1,"peak":1}')

FORGED = {
    "a huge length": struct.pack("<IB", 2**31, VALUE[0]),
    "an unknown kind": frame(b"?", b"{}"),
    "an end before a value": GOOD_END,
    "two values": frame(VALUE, b"1") + frame(VALUE, b"2") + GOOD_END,
    "a call after the value": frame(VALUE, b"1") + frame(CALL, b'[1,"t.f",[]]') + GOOD_END,
    "a call of an unbound name": frame(CALL, b'[1,"db.query",[]]'),
    "a call out of order": frame(CALL, b'[7,"t.f",[]]'),
    "a call twice": frame(CALL, b'[1,"t.f",[]]') * 2,
    "a call of the wrong shape": frame(CALL, b'{"id":1}'),
    "a call with a boolean id": frame(CALL, b'[true,"t.f",[]]') + frame(CALL, b'[true,"t.f",[]]'),
    "a log of the wrong shape": frame(LOGS, b'{"lines":[1],"dropped":0}'),
    "a log of an unknown level": frame(LOGS, b'{"lines":[{"level":"x","message":"","timestamp":0}],"dropped":0}'),
    "a log that is not JSON": frame(LOGS, b"{"),
    "an error that is no object": frame(ERROR, b"[]"),
    "a log that claims a list for a level": frame(
        LOGS, b'{"lines":[{"level":[],"message":"","timestamp":0}],"dropped":0}'
    ),
    "an end of the wrong shape": frame(VALUE, b"1") + frame(END, b'{"cpu_ms":"1"}'),
    "an end before its time, huge": frame(VALUE, b"1") + frame(END, b"[" * 100_000),
    "bytes that are no text": frame(ERROR, b"\xff\xfe"),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_forged_frame_ends_the_run_as_a_crash(engine: tuple[Engine, socket.socket], forged: bytes) -> None:
    run = converse(*engine, [forged])
    assert run.outcome.error is not None
    assert run.outcome.error.code == "ENGINE_CRASHED"
    assert run.outcome.value is None
    assert engine[0].dead


EARLY = {
    "a value": frame(VALUE, b"1"),
    "an introduction of the wrong shape": frame(READY, b"[]"),
    "an introduction with the wrong content": frame(READY, b'{"means":1}'),
    "an introduction that is not JSON": frame(READY, b"{"),
    "a huge length": b"\xff" * 9,
}


@pytest.mark.parametrize("early", EARLY.values(), ids=EARLY.keys())
def test_an_engine_that_speaks_out_of_turn_gets_no_run(engine: tuple[Engine, socket.socket], early: bytes) -> None:
    engine[1].sendall(early)
    with pytest.raises(NotStarted):
        engine[0].run(new_run(Workers()))


def test_half_a_frame_ends_as_a_timeout(engine: tuple[Engine, socket.socket]) -> None:
    run = converse(*engine, [frame(VALUE, b"12345")[:-2]], timeout_ms=200)
    assert run.outcome.error is not None
    assert run.outcome.error.code == "TIMEOUT"


def test_lines_that_came_with_the_kill_are_kept(
    engine: tuple[Engine, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = frame(LOGS, b'{"lines":[{"level":"info","message":"last words","timestamp":0}],"dropped":0}')
    monkeypatch.setattr(engine[0], "kill", lambda: engine[1].sendall(last + frame(VALUE, b"1") + frame(LOGS, b"{")))
    run = converse(*engine, [], timeout_ms=100)
    assert run.outcome.error is not None
    assert run.outcome.error.code == "TIMEOUT"
    assert (run.outcome.value, [entry.message for entry in run.outcome.logs]) == (None, ["last words"])


def test_a_call_larger_than_a_call_may_be_ends_the_run(engine: tuple[Engine, socket.socket]) -> None:
    run = converse(*engine, [frame(CALL, b'[1,"t.f",["%s"]]' % (b"x" * (2 * 1024 * 1024 + 2_000)))])
    assert run.outcome.error is not None
    assert run.outcome.error.code == "ENGINE_CRASHED"


@pytest.mark.parametrize("value", [b"nope", b"NaN", b"1e999", b"[" * 5000 + b"]" * 5000, b"[" * 200 + b"]" * 200])
def test_a_value_that_is_not_our_json_is_refused(engine: tuple[Engine, socket.socket], value: bytes) -> None:
    run = converse(*engine, [frame(VALUE, value), GOOD_END])
    assert run.outcome.error is not None
    assert run.outcome.error.code == "RESULT_NOT_JSON"


def test_a_claimed_code_must_be_one_an_engine_may_claim(engine: tuple[Engine, socket.socket]) -> None:
    run = converse(
        *engine, [frame(ERROR, b'{"fixed":"CANCELLED","error":{"message":5,"mark":{"code":"x y"}}}'), GOOD_END]
    )
    assert run.outcome.error is not None
    assert run.outcome.error.code == "RUNTIME_ERROR"


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (b'{"fixed":[],"error":{"message":"m"}}', "RUNTIME_ERROR"),
        (b'{"fixed":{},"error":[]}', "RUNTIME_ERROR"),
        (b'{"fixed":"SYNTAX_ERROR","report":"x:%s: SyntaxError: y\\n\\n ^"}' % (b"9" * 5_000), "SYNTAX_ERROR"),
    ],
    ids=["a list as code", "an object as code", "a line beyond all lines"],
)
def test_a_report_of_the_wrong_shape_is_still_an_outcome(
    engine: tuple[Engine, socket.socket], report: bytes, code: str
) -> None:
    run = converse(*engine, [frame(ERROR, report), GOOD_END])
    assert run.outcome.error is not None
    assert run.outcome.error.code == code


def test_an_honest_engine_is_believed(engine: tuple[Engine, socket.socket]) -> None:
    assert converse(*engine, [frame(VALUE, b'{"a":1}'), GOOD_END]).outcome.value == {"a": 1}
