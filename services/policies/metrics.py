"""Counts and times every run. A watcher: it changes nothing and never fails a run."""

from collections.abc import Callable

from models.base import utcnow
from runtime import Outcome
from services import meters
from services.calls import Call
from services.errors import Busy, ServiceError
from services.outcomes import status_of


def metrics(run: Callable[[Call], Outcome], call: Call) -> Outcome:
    waited_s = max(0.0, (utcnow() - call.created_at).total_seconds()) if call.attempt == 1 else 0.0
    try:
        outcome = run(call)
    except Busy:
        raise  # it keeps its turn, and is counted when it has run
    except ServiceError as refusal:
        meters.count("script_executions_total", trigger=call.trigger, status="refused")
        meters.count("script_execution_errors_total", code=refusal.code)
        raise
    meters.count("script_executions_total", trigger=call.trigger, status=status_of(outcome))
    if outcome.error:
        meters.count("script_execution_errors_total", code=outcome.error.code)
    meters.observe("script_execution_duration_seconds", outcome.metrics.run_ms / 1000)
    meters.observe("script_execution_wait_seconds", waited_s + outcome.metrics.wait_ms / 1000)
    meters.observe("script_pool_acquire_seconds", outcome.metrics.wait_ms / 1000)
    for call_made in outcome.calls:
        meters.count("script_api_calls_total", api=call_made.name.split(".")[0], outcome=call_made.outcome or "lost")
    return outcome
