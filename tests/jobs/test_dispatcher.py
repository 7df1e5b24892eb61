"""Whose turn it is: fairness between tenants, and full scripts that let others pass. Without engine and database."""

import itertools
from uuid import UUID, uuid4

from jobs.relay import batches, take_turns
from jobs.waiting import LOOK_AGAIN_S, Waiting

ACME, GLOBEX, THIRD = uuid4(), uuid4(), uuid4()


def run(tenant: UUID, script: UUID | None = None) -> tuple[UUID, UUID, UUID]:
    return tenant, script or uuid4(), uuid4()


def in_order(waiting: Waiting, now: float = 0.0) -> list:
    return list(itertools.takewhile(lambda found: found is not None, (waiting.next(now) for _ in range(1_000))))


def test_a_single_run_passes_a_tenants_crowd() -> None:
    waiting = Waiting()
    for _ in range(100):
        waiting.add(run(ACME))
    lone = run(GLOBEX)
    waiting.add(lone)

    assert lone in [waiting.next(0), waiting.next(0)]


def test_a_run_that_is_handed_over_again_waits_once() -> None:
    waiting, run = Waiting(), (uuid4(), uuid4(), uuid4())
    for _ in range(3):
        waiting.add(run)
    waiting.add_first(run)

    assert len(waiting) == 1 and waiting.next(0.0) == run and waiting.next(0.0) is None
    waiting.add(run)
    assert len(waiting) == 1


def test_tenants_take_turns_and_each_keeps_its_order() -> None:
    waiting, acme, globex = Waiting(), [run(ACME) for _ in range(4)], [run(GLOBEX) for _ in range(2)]
    for one in (*acme, *globex):
        waiting.add(one)

    assert in_order(waiting) == [acme[0], globex[0], acme[1], globex[1], acme[2], acme[3]]
    assert len(waiting) == 0


def test_a_full_script_lets_others_of_its_tenant_pass() -> None:
    waiting, busy, other = Waiting(), uuid4(), uuid4()
    crowd, free = [run(ACME, busy) for _ in range(3)], run(ACME, other)
    for one in (*crowd, free):
        waiting.add(one)
    waiting.is_full(busy, 0)

    assert in_order(waiting) == [free]
    waiting.has_room(busy)
    assert in_order(waiting) == crowd


def test_no_more_is_taken_than_may_go_on_at_once() -> None:
    waiting, busy, other = Waiting(), uuid4(), uuid4()
    crowd, free = [run(ACME, busy) for _ in range(5)], [run(ACME, other) for _ in range(3)]
    for one in (*crowd, *free):
        waiting.add(one)
    first = waiting.next(0)
    waiting.allow(first, 2, 4)

    assert [first, *in_order(waiting)] == [*crowd[:2], *free[:2]], "two of the script, four of the tenant"
    waiting.left(first)
    assert in_order(waiting) == [crowd[2]]


def test_a_full_tenant_waits_and_is_looked_at_again() -> None:
    waiting, mine = Waiting(), run(ACME)
    waiting.add(mine)
    waiting.is_full(ACME, 0)

    assert waiting.next(LOOK_AGAIN_S / 2) is None
    assert waiting.next(LOOK_AGAIN_S * 2) == mine


def test_a_closed_tenant_waits_whatever_of_it_ends_and_the_others_pass() -> None:
    waiting, mine, other = Waiting(), run(ACME), run(GLOBEX)
    waiting.add(mine)
    waiting.add(other)
    waiting.is_closed(ACME, until=60)

    assert in_order(waiting, 1) == [other]
    waiting.has_room(ACME, mine[1])
    assert waiting.next(59.9) is None
    assert waiting.next(60.1) == mine


def test_who_comes_back_keeps_its_place() -> None:
    waiting, runs = Waiting(), [run(ACME) for _ in range(3)]
    for one in runs:
        waiting.add(one)
    first = waiting.next(0)
    waiting.add_first(first)

    assert in_order(waiting) == runs


def test_batches_mix_tenants() -> None:
    runs = [run(ACME) for _ in range(5)] + [run(GLOBEX)] + [run(THIRD)]

    assert [one[0] for one in take_turns(runs)] == [ACME, GLOBEX, THIRD, ACME, ACME, ACME, ACME]
    assert [len(batch) for batch in batches(take_turns(runs), 3)] == [3, 3, 1]
