"""How many runs of a tenant may begin in a minute. Whoever waits for a run is told to come again; what is queued waits."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from runtime import Outcome
from services import meters
from services.calls import Call
from services.errors import QuotaExceeded
from services.limits import RUNS_PER_MINUTE
from services.runs_per_minute import runs_per_minute


def quota(run: Callable[[Call], Outcome], call: Call) -> Outcome:
    if not call.is_admitted and not spend(call.tenant_id, call.tenant_limits):
        raise refusal(call.tenant_limits)
    return run(call)


def spend(tenant_id: UUID, limits: Mapping[str, Any], runs: int = 1) -> int:
    """How many of them may begin now."""
    return runs_per_minute().spend(tenant_id, most(limits), runs)


def require_room(tenant_id: UUID, limits: Mapping[str, Any], trigger: str) -> None:
    """For doors that can say no before anything is written. The run itself is counted where it begins."""
    if not has_room(tenant_id, limits):
        raise turned_away(limits, trigger)


def has_room(tenant_id: UUID, limits: Mapping[str, Any]) -> bool:
    return runs_per_minute().has_room(tenant_id, most(limits))


def turned_away(limits: Mapping[str, Any], trigger: str) -> QuotaExceeded:
    """The refusal of a run that does not come as far as the other policies, counted as they count theirs."""
    meters.count("script_executions_total", trigger=trigger, status="refused")
    meters.count("script_execution_errors_total", code=QuotaExceeded.code)
    return refusal(limits)


def refusal(limits: Mapping[str, Any]) -> QuotaExceeded:
    return QuotaExceeded(
        resets_in(),
        "This tenant may begin %(most)s runs a minute, and has. Try again in %(seconds)s s.",
        most=most(limits),
    )


def resets_in() -> float:
    return runs_per_minute().resets_in()


def most(limits: Mapping[str, Any]) -> int:
    return int(limits.get("runs_per_minute", RUNS_PER_MINUTE))


def is_of_an_earlier_minute(call: Call) -> bool:
    return runs_per_minute().is_over(call.created_at.timestamp())
