"""Requests that wait for one another. Without engine, database and Redis."""

import threading
import time
from uuid import uuid4

from services.turns import Turns

ACME, GLOBEX, SCRIPT, OTHER = uuid4(), uuid4(), uuid4(), uuid4()


def wait_in_line(turns: Turns, said: list[str], script=SCRIPT, most: int = 1, of_tenant: int = 9) -> threading.Thread:
    """Somebody in a thread of their own, who says what became of their waiting."""
    before = len(turns._tenants[ACME].waiting)
    thread = threading.Thread(target=lambda: said.append(turns.enter(ACME, script, most, of_tenant, 20)))
    thread.start()
    until = time.monotonic() + 10
    while len(turns._tenants[ACME].waiting) == before and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.001)
    return thread


def test_who_ends_lets_the_next_one_in() -> None:
    turns, said = Turns(10), []
    assert turns.enter(ACME, SCRIPT, 1, 9, 0) == ""
    first, second = wait_in_line(turns, said), wait_in_line(turns, said)
    assert said == []

    turns.leave(ACME, SCRIPT, 9)
    first.join(10)
    assert said == [""] and second.is_alive()
    turns.leave(ACME, SCRIPT, 9)
    second.join(10)
    assert said == ["", ""]


def test_nobody_passes_who_waits_for_the_same_script() -> None:
    turns, said = Turns(10), []
    turns.enter(ACME, SCRIPT, 1, 9, 0)
    waiting = wait_in_line(turns, said)
    assert turns.enter(ACME, SCRIPT, 2, 9, 0) == "tenant", "a place that is free belongs to who came before"
    assert turns.enter(ACME, OTHER, 1, 9, 0) == "", "another script has places of its own"
    turns.leave(ACME, SCRIPT, 9)
    waiting.join(10)


def test_who_waited_too_long_is_told_whose_places_are_taken() -> None:
    turns = Turns(10)
    turns.enter(ACME, SCRIPT, 1, 2, 0)
    assert turns.enter(ACME, SCRIPT, 1, 2, 0.01) == "script"
    turns.enter(ACME, OTHER, 5, 2, 0)
    assert turns.enter(ACME, OTHER, 5, 2, 0.01) == "tenant"
    turns.leave(ACME, SCRIPT, 2)
    assert turns.enter(ACME, OTHER, 5, 2, 0.01) == "", "who gave up holds no place"


def test_a_tenant_leaves_threads_to_others() -> None:
    turns, said = Turns(3), []
    turns.enter(ACME, SCRIPT, 1, 9, 0)
    waiting = [wait_in_line(turns, said) for _ in range(2)]
    began = time.monotonic()
    assert turns.enter(ACME, SCRIPT, 1, 9, 30) == "script" and time.monotonic() - began < 10
    assert turns.enter(GLOBEX, SCRIPT, 1, 9, 0) == ""
    for thread in waiting:
        turns.leave(ACME, SCRIPT, 9)
        thread.join(10)


def test_who_waits_for_a_run_of_another_thread_leaves_threads_to_others_too() -> None:
    turns = Turns(2)
    with turns.watching(ACME) as first, turns.watching(ACME) as second, turns.watching(ACME) as third:
        assert (first, second, third) == (True, True, False)
        assert turns.enter(ACME, SCRIPT, 1, 9, 0) == "", "what begins at once keeps nobody waiting"
        assert turns.enter(ACME, SCRIPT, 1, 9, 30) == "script"
        with turns.watching(GLOBEX) as elsewhere:
            assert elsewhere
    with turns.watching(ACME) as again:
        assert again
    turns.leave(ACME, SCRIPT, 9)


def test_nothing_is_kept_of_who_is_gone() -> None:
    turns = Turns(1)
    turns.enter(ACME, SCRIPT, 1, 1, 0)
    with turns.watching(ACME):
        turns.leave(ACME, SCRIPT, 1)
    with turns.watching(ACME), turns.watching(ACME):
        pass
    assert not turns._tenants
