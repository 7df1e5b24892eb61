"""Whether a failed delivery is tried again, and when. Pure: what it decides depends on nothing but its arguments."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

# An attempt whose process disappeared may have harmed it: a run that is always lost must end as a dead letter too.
MAX_LOST = 5
MAX_WAIT_S = 24 * 3600.0
JITTER = 0.1


class Failure(Protocol):
    """What a decision needs of a ScriptError."""

    @property
    def code(self) -> str: ...
    @property
    def retryable(self) -> bool: ...
    @property
    def details(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class RetryPolicy:
    retries: int = 3
    base_s: float = 2.0

    @classmethod
    def of(cls, limits: Mapping[str, int]) -> "RetryPolicy":
        """From a script's effective limits (services.limits.effective)."""
        return cls(limits["retries"], limits["retry_base_ms"] / 1000)


@dataclass(frozen=True)
class RetryDecision:
    wait_s: float
    reason: str  # backoff, asked (by sdk.RetryAfter), lost


def decide(error: Failure, attempt: int, policy: RetryPolicy, random: Random | None = None) -> RetryDecision | None:
    """What follows the `attempt`-th attempt (the first is 1), which ended in `error`; None: bury it."""
    if not error.retryable or error.details.get("fatal"):
        return None
    if attempt > most_retries(error, policy):
        return None
    asked = error.details.get("retry_after")
    if isinstance(asked, int | float) and not isinstance(asked, bool) and not math.isnan(asked):
        return RetryDecision(min(max(float(asked), 0.0), MAX_WAIT_S), "asked")
    wait = min(policy.base_s * 2.0 ** min(attempt - 1, 30), MAX_WAIT_S)
    jitter = 1.0 + JITTER * (random or _random).random()
    return RetryDecision(min(wait * jitter, MAX_WAIT_S), "lost" if error.code == "LOST" else "backoff")


def most_retries(error: Failure, policy: RetryPolicy) -> int:
    """A lost attempt says nothing about the script, so even one without retries gets a few; but not for ever."""
    return max(policy.retries, MAX_LOST) if error.code == "LOST" else policy.retries


_random = Random()  # noqa: S311  spreads retries, guards nothing
