"""Calls a minute: a full bucket at the start, a steady trickle after."""

from dataclasses import dataclass
from uuid import uuid4

import pytest

from runtime import HostError
from services.granted.buckets import Bucket, limited, log_lines
from services.granted.facts import RunFacts


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def facts(**limits: object) -> RunFacts:
    return RunFacts(uuid4(), uuid4(), "acme", uuid4(), "Script", None, frozenset(), 0, 1, "", None, limits)


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Clock()
    bucket = Bucket(60, clock)
    assert [bucket.take() for _ in range(60)] == [0.0] * 60
    assert bucket.take() == pytest.approx(1.0)
    clock.now = 0.5
    assert bucket.take() == pytest.approx(0.5)
    clock.now = 1.0
    assert bucket.take() == 0.0
    assert bucket.take() > 0


def test_a_bucket_never_holds_more_than_a_minute() -> None:
    clock = Clock()
    bucket = Bucket(30, clock)
    clock.now = 3_600.0
    assert [bucket.take() for _ in range(30)] == [0.0] * 30
    assert bucket.take() > 0


def test_the_functions_of_one_api_share_one_bucket() -> None:
    api = limited("cache", {"get": lambda: 1, "shared": {"get": lambda: 2}}, facts(cache_per_minute=2))
    assert (api["get"](), api["shared"]["get"]()) == (1, 2)
    with pytest.raises(HostError) as refusal:
        api["get"]()
    assert refusal.value.code == "RATE_LIMITED"
    assert refusal.value.retryable
    assert 0 < refusal.value.details["retry_after"] <= 30


def test_a_transaction_can_always_be_ended() -> None:
    api = limited("db", {"begin": lambda: 1, "commit": lambda: 2, "rollback": lambda: 3}, facts(db_per_minute=1))
    api["begin"]()
    assert (api["commit"](), api["rollback"]()) == (2, 3)


@pytest.mark.parametrize("nonsense", [0, -5, "many", True, None, 1.5, [1]])
def test_a_nonsensical_override_leaves_the_default(nonsense: object) -> None:
    api = limited("events", {"publish": lambda: 1}, facts(events_per_minute=nonsense))
    assert [api["publish"]() for _ in range(30)] == [1] * 30
    with pytest.raises(HostError):
        api["publish"]()


@pytest.mark.parametrize(("limits", "timeout_ms", "lines"), [
    ({}, 30_000, 150), ({}, 300_000, 600), ({"log_per_minute": 5_000}, 30_000, 1_000), ({"log_per_minute": "x"}, 60_000, 200),
])  # fmt: skip
def test_a_run_may_write_what_its_bucket_holds_and_gains(
    limits: dict[str, object], timeout_ms: int, lines: int
) -> None:
    assert log_lines(limits, timeout_ms, 1_000) == lines
