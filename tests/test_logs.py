"""Log lines as an operator reads them at night: what happened, once."""

import json
import logging
from collections.abc import Callable
from types import TracebackType

import psycopg
import pytest
from redis.exceptions import ConnectionError as RedisGone
from sqlalchemy.exc import InternalError, OperationalError, ProgrammingError

import logs

Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def raised(deed: Callable[[], object]) -> Raised:
    with pytest.raises(Exception) as caught:
        deed()
    return caught.type, caught.value, caught.tb


def fail(error: Exception) -> None:
    raise error


def record(message: str, exc_info: Raised | None = None, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("one", level, "file", 1, message, None, exc_info)


def line(of: logging.LogRecord) -> dict[str, object]:
    return dict(json.loads(logs.JsonFormatter().format(of)))


def test_a_trouble_that_every_request_meets_is_told_once_and_then_with_how_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calm = logs.Calm()
    assert [calm.filter(record("the database does not answer")) for _ in range(5)] == [True, False, False, False, False]
    assert calm.filter(record("the database does not answer", raised(lambda: fail(ValueError("another"))))), (
        "it has another cause"
    )
    monkeypatch.setattr(logs, "REPEATS_AFTER_S", 0.0)
    again = record("the database does not answer")
    assert calm.filter(again)
    assert line(again)["repeats"] == 4


def test_two_faults_of_one_kind_in_different_places_are_both_told() -> None:
    calm, faults = logs.Calm(), [fault_here(), fault_there(), fault_here()]
    assert [calm.filter(record("unexpected error", fault)) for fault in faults] == [True, True, False]


def test_ordinary_lines_are_all_told() -> None:
    calm = logs.Calm()
    assert all(calm.filter(record("GET /", level=logging.INFO)) for _ in range(3))


def fault_here() -> Raised:
    return raised(lambda: {}["here"])


def fault_there() -> Raised:
    return raised(lambda: {}["there"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused\nIs it running?")), "connection refused"),
        (OperationalError("SELECT 1", {}, psycopg.errors.TooManyConnections("too many clients")), "too many clients"),
        (InternalError("UPDATE", {}, psycopg.errors.ReadOnlySqlTransaction("cannot execute UPDATE")), "cannot execute UPDATE"),
        (RedisGone("Error 111"), "Error 111"),
    ],
    ids=["gone", "full", "read-only", "redis"],
)  # fmt: skip
def test_a_server_that_is_away_is_told_in_its_own_words_without_a_traceback(error: Exception, said: str) -> None:
    told = line(record("trouble", raised(lambda: fail(error))))
    assert told["because"] == said
    assert "exception" not in told


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 1", {}, psycopg.errors.DeadlockDetected("deadlock")),
        ProgrammingError("SELECT", {}, psycopg.ProgrammingError("can't adapt")),
        KeyError("x"),
    ],
    ids=["deadlock", "statement", "fault"],
)
def test_a_fault_of_ours_comes_with_its_traceback(error: Exception) -> None:
    assert "Traceback" in str(line(record("trouble", raised(lambda: fail(error))))["exception"])
