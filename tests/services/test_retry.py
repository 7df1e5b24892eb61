"""When a failed delivery is tried again: a table, and laws that hold for any failure."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CODES, ScriptError
from services import retry
from services.retry import MAX_LOST, MAX_WAIT_S, RetryPolicy, decide

NEVER = ("SYNTAX_ERROR", "PERMISSION_DENIED", "INVALID_INPUT", "CANCELLED", "LOOP_GUARD", "FEATURE_DISABLED",
         "HTTP_BLOCKED", "DB_FORBIDDEN", "SECRET_NOT_FOUND")  # fmt: skip
AGAIN = ("RUNTIME_ERROR", "TIMEOUT", "CPU_LIMIT", "MEMORY_LIMIT", "ENGINE_CRASHED", "POOL_EXHAUSTED", "LOST", "HTTP_TIMEOUT",
         "HTTP_FAILED", "DB_TIMEOUT", "DB_FAILED")  # fmt: skip


class NoJitter(Random):
    def random(self):
        return 0.0


@pytest.mark.parametrize(("attempt", "wait"), [(1, 2.0), (2, 4.0), (3, 8.0)])
def test_it_waits_two_four_and_eight_seconds(attempt, wait):
    decision = decide(ScriptError.of("RUNTIME_ERROR", "x"), attempt, RetryPolicy(), NoJitter())

    assert decision is not None
    assert decision.wait_s == wait


def test_it_gives_up_after_the_last_retry():
    assert decide(ScriptError.of("RUNTIME_ERROR", "x"), 4, RetryPolicy()) is None
    assert decide(ScriptError.of("RUNTIME_ERROR", "x"), 1, RetryPolicy(retries=0)) is None


@pytest.mark.parametrize("code", NEVER)
def test_what_cannot_get_better_is_not_tried_again(code):
    assert decide(ScriptError.of(code, "x"), 1, RetryPolicy()) is None


@pytest.mark.parametrize("code", AGAIN)
def test_what_may_pass_is_tried_again(code):
    assert decide(ScriptError.of(code, "x"), 1, RetryPolicy()) is not None


def test_the_script_may_say_that_it_is_final():
    fatal = ScriptError.of("RUNTIME_ERROR", "x", retryable=False, details={"fatal": True})

    assert decide(fatal, 1, RetryPolicy()) is None


@pytest.mark.parametrize(("asked", "wait"), [(60, 60.0), (0, 0.0), (0.5, 0.5), (-3, 0.0), (1e12, MAX_WAIT_S)])
def test_the_script_may_say_when(asked, wait):
    error = ScriptError.of("RUNTIME_ERROR", "x", retryable=True, details={"retry_after": asked})
    decision = decide(error, 1, RetryPolicy())

    assert decision is not None
    assert (decision.wait_s, decision.reason) == (wait, "asked")
    assert decide(error, 4, RetryPolicy()) is None


@pytest.mark.parametrize("asked", ["60", None, True, {}, math.nan])
def test_a_strange_wish_is_no_wish(asked):
    decision = decide(ScriptError.of("RUNTIME_ERROR", "x", details={"retry_after": asked}), 1, RetryPolicy())

    assert decision is not None
    assert decision.reason == "backoff"


def test_a_lost_attempt_is_tried_again_even_without_retries_but_not_for_ever():
    lost = ScriptError.of("LOST", "x")

    assert [decide(lost, n, RetryPolicy(retries=0)) is not None for n in range(1, MAX_LOST + 2)] == [
        True
    ] * MAX_LOST + [False]


def test_the_policy_is_read_from_a_scripts_limits():
    assert RetryPolicy.of({"retries": 5, "retry_base_ms": 500}) == RetryPolicy(5, 0.5)


ERRORS = st.builds(
    ScriptError.of,
    st.sampled_from(sorted(CODES)),
    st.just("x"),
    details=st.dictionaries(st.just("retry_after"), st.floats(0, 1e9) | st.sampled_from(["", "9"]), max_size=1),
)
POLICIES = st.builds(RetryPolicy, st.integers(0, 10), st.floats(0.1, 3600))


@given(error=ERRORS, policy=POLICIES, seed=st.integers())
def test_every_failure_comes_to_an_end(error, policy, seed):
    attempts = 1
    while decide(error, attempts, policy, Random(seed)) is not None:
        attempts += 1
        assert attempts <= max(policy.retries, MAX_LOST) + 1


@given(error=ERRORS, policy=POLICIES, attempt=st.integers(1, 11), seed=st.integers())
def test_the_wait_is_bounded_and_jitters_by_a_tenth_at_most(error, policy, attempt, seed):
    decision = decide(error, attempt, policy, Random(seed))
    if decision is None:
        return
    assert 0 <= decision.wait_s <= MAX_WAIT_S
    if decision.reason != "asked":
        plain = min(policy.base_s * 2 ** (attempt - 1), MAX_WAIT_S)
        assert plain <= decision.wait_s <= plain * (1 + retry.JITTER)
