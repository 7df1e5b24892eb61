"""Who looks after running runs: nothing that fails once may end it, for their leases depend on it."""

import threading
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from services import claims, steward
from services.hands import Hands
from services.steward import Steward


@pytest.fixture
def database() -> str:
    return "sqlite"


def test_a_stop_is_heard_though_the_database_was_away_when_it_began(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, stopped, run_id = threading.Event(), list[str](), uuid4()

    def away(_running: object) -> set[object]:
        asked.set()
        raise OperationalError("SELECT 1", {}, Exception("away"))

    monkeypatch.setattr(claims, "unwanted", away)
    heard = threading.Event()

    def stop(execution_id: str) -> None:
        stopped.append(execution_id)
        heard.set()

    watch = Steward(app, stop, lambda: None)
    with watch.watching(run_id):
        assert asked.wait(20)
        steward.ask_to_stop(app.extensions["redis"], run_id)
        assert heard.wait(20)
    watch.close()
    assert set(stopped) == {str(run_id)}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_ended_is_begun_again_with_the_next_run(app: Flask) -> None:
    ticked = threading.Event()

    def fail_once() -> None:
        watch._tick = ticked.set
        raise RuntimeError("a bug of the listener's")

    watch = Steward(app, lambda _: None, fail_once)
    with watch.watching(uuid4()):
        assert watch._thread
        watch._thread.join(20)
        assert not watch._thread.is_alive()
    with watch.watching(uuid4()):
        assert ticked.wait(20)
    watch.close()


def test_who_must_wait_while_the_process_ends_is_left_to_the_sweep(app: Flask) -> None:
    closing, performed = Hands(app), list[object]()
    with closing.steward.watching(uuid4()):  # a run that is let end
        closing._closed = True
        closing._threads.shutdown(wait=False)
        closing.wait(uuid4(), uuid4(), performed.append)
        closing._tick()
    closing.close(0)
    assert performed == []
