"""From the end of a run to what its row keeps."""

from datetime import UTC, datetime
from typing import Any

from models.base import utcnow
from runtime import Outcome, ScriptError
from services.errors import RateLimited, ServiceError
from services.stored import storable

_STATUS_OF_CODE = {"TIMEOUT": "timed_out", "CPU_LIMIT": "timed_out", "CANCELLED": "cancelled"}


def status_of(outcome: Outcome) -> str:
    if outcome.error is None:
        return "succeeded"
    return _STATUS_OF_CODE.get(outcome.error.code, "failed")


def finished(outcome: Outcome) -> dict[str, Any]:
    metrics = outcome.metrics
    return {
        "status": status_of(outcome), "output": outcome.value, "finished_at": utcnow(),
        "logs": [{**entry.to_dict(), "timestamp": _iso(entry.timestamp)} for entry in outcome.logs],
        "logs_dropped": outcome.logs_dropped, "calls": [call.to_dict() for call in outcome.calls],
        "wait_ms": round(metrics.wait_ms), "run_ms": round(metrics.run_ms), "cpu_ms": round(metrics.cpu_ms),
        "peak_memory_bytes": metrics.peak_memory_bytes, "api_calls": metrics.api_calls, **failure(outcome.error),
    }  # fmt: skip


def failure(error: ScriptError | None) -> dict[str, Any]:
    if error is None:
        return {"error": None, "error_code": None, "error_message": "", "error_frame": ""}
    lines = map(str.strip, (error.stack or "").split("\n"))  # the message comes first, and differs from run to run
    first_frame = next((line for line in lines if line.startswith("at ")), "")
    return {"error": error.to_dict(), "error_code": error.code[:30], "error_message": error.message[:500],
            "error_frame": first_frame[:200]}  # fmt: skip


def refused(refusal: ServiceError) -> dict[str, Any]:
    """What a policy said no to. The script did not run."""
    faults = [fault.to_dict() for fault in getattr(refusal, "faults", ())]
    details: dict[str, Any] = {"faults": faults} if faults else {}
    if isinstance(refusal, RateLimited):
        details = {"retry_after": round(refusal.resets_in, 3)}
    error = ScriptError.of(refusal.code, storable(str(refusal)), details=storable(details))
    return {"status": "refused", "finished_at": utcnow(), **failure(error)}


def ended_early(code: str, message: str, status: str) -> dict[str, Any]:
    return {"status": status, "finished_at": utcnow(), **failure(ScriptError.of(code, message))}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
