"""The scheduler's loop: every chore at its pace, whatever the others do, and a clean end."""

import os
import signal
import threading
import time

import pytest
from flask import Flask, current_app

from jobs.scheduler import EARLY, Chore, _Turn, _work, pause, run_scheduler


@pytest.fixture(autouse=True)
def _handlers():
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def stop():
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_chore_that_fails_neither_ends_the_process_nor_stops_the_others(caplog):
    seen = []

    def works():
        seen.append(current_app.name)
        if len(seen) == 3:
            stop()

    run_scheduler(Flask("here"), [Chore("fails", 0.01, lambda: 1 / 0), Chore("works", 0.01, works)])
    assert seen == ["here"] * 3
    assert "chore fails failed, 1 in a row" in caplog.text


def test_a_long_chore_does_not_make_those_of_another_lane_late():
    seen, long_one_ends = [], threading.Event()

    def works():
        seen.append(long_one_ends.is_set())
        if len(seen) == 3:
            long_one_ends.set()
            stop()

    run_scheduler(
        Flask("here"), [Chore("long", 60, lambda: long_one_ends.wait(20)), Chore("works", 0.01, works, lane="quick")]
    )
    assert seen == [False] * 3


def test_what_is_known_to_be_due_sooner_is_done_sooner():
    seen = []

    def works():
        seen.append(current_app.name)
        if len(seen) == 3:
            stop()

    run_scheduler(Flask("here"), [Chore("works", 60, works, until_next=lambda: 0.01)])
    assert len(seen) == 3


def test_what_is_nearly_due_is_done_along():
    seen, stopping = [], threading.Event()

    def works():
        seen.append("rare")

    def looks():
        seen.append("often")
        stopping.set()

    turns = [_Turn(Chore("rare", 60, works), time.monotonic() + EARLY / 2), _Turn(Chore("often", 60, looks), 0.0)]
    _work(Flask("here"), turns, stopping)
    assert seen == ["rare", "often"]


def test_it_ends_however_many_signals_come_at_once():
    """One that comes while another is being handled finds no lock taken."""

    def insist():
        for _ in range(300):
            stop()

    lanes = [Chore("waits", 60, lambda: None, lane=str(at)) for at in range(8)]
    insisting = threading.Timer(0.05, insist)
    insisting.start()
    run_scheduler(Flask("here"), [*lanes, Chore("works", 0.01, lambda: None)])
    insisting.join()


def test_it_ends_on_sigterm_and_closes_what_it_was_given():
    closed = threading.Event()
    run_scheduler(Flask("here"), [Chore("stop", 60, stop)], on_stop=closed.set)
    assert closed.is_set()


def test_a_failing_chore_is_tried_less_and_less_often_but_soon_after_the_database_is_back():
    pauses = [pause(0.05, failures) for failures in range(12)]
    assert pauses[0] == 0.05
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5


def test_a_rare_chore_is_not_hurried_by_failing():
    assert pause(3600, 3) == 3600
