"""What a script may ask for itself, and what a run gets: the script's wish within the operator's bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime import Limits
from runtime.limits import MIB
from services.errors import Invalid
from settings import Settings


@dataclass(frozen=True)
class Bound:
    low: int
    high: int
    default: int


# What a script's own `limits` may hold. Memory and time are the engine's; the rest belongs to policies and retries.
BOUNDS = {
    "timeout_ms": Bound(1_000, 300_000, 30_000),
    "cpu_ms": Bound(1_000, 300_000, 30_000),
    "memory_mb": Bound(16, 512, 128),
    "max_api_calls": Bound(1, 1_000, 100),
    "max_output_bytes": Bound(1_024, 10 * MIB, MIB),
    "concurrency": Bound(1, 20, 5),
    "retries": Bound(0, 10, 3),
    "retry_base_ms": Bound(100, 3_600_000, 2_000),
}
TENANT_CONCURRENCY = 10
RUNS_PER_MINUTE = 600


def check(limits: Mapping[str, Any]) -> dict[str, int]:
    """The limits an author wrote, or the sentence that says which is wrong."""
    for name, value in limits.items():
        bound = BOUNDS.get(name)
        if bound is None:
            raise Invalid("There is no limit %(name)s.", field="limits", name=str(name)[:50])
        if isinstance(value, bool) or not isinstance(value, int) or not bound.low <= value <= bound.high:
            raise Invalid(
                "%(name)s must be a whole number from %(low)s to %(high)s.",
                field="limits", name=name, low=bound.low, high=bound.high,
            )  # fmt: skip
    return dict(limits)


def defaults(settings: Settings) -> dict[str, int]:
    """What a script gets that asks for nothing."""
    return {name: bound.default for name, bound in BOUNDS.items()} | {
        "timeout_ms": settings.script_timeout_ms,
        "cpu_ms": settings.script_max_cpu_ms,
        "memory_mb": settings.script_max_memory_mb,
        "max_api_calls": settings.script_max_api_calls,
    }


def effective(limits: Mapping[str, Any], settings: Settings) -> dict[str, int]:
    return defaults(settings) | {name: value for name, value in limits.items() if name in BOUNDS}


def runtime_limits(limits: Mapping[str, Any], settings: Settings) -> Limits:
    given = effective(limits, settings)
    names = ("timeout_ms", "cpu_ms", "memory_mb", "max_api_calls", "max_output_bytes")
    return Limits(**{name: given[name] for name in names})
