"""What things look like in JSON; see CONTRACTS in docs/api.md."""

from datetime import datetime
from typing import Any

from models.execution import Execution
from models.script import Script


def when(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def script_summary(script: Script) -> dict[str, Any]:
    return {
        "id": str(script.id), "name": script.name, "description": script.description, "enabled": script.enabled,
        "tags": list(script.tags), "metadata": dict(script.extra), "parameters": list(script.parameters),
        "limits": dict(script.limits), "version": script.version, "has_syntax_error": script.has_syntax_error,
        "created_at": when(script.created_at), "updated_at": when(script.updated_at),
    }  # fmt: skip


def script_whole(script: Script) -> dict[str, Any]:
    return script_summary(script) | {"source": script.source}


def execution_summary(run: Execution) -> dict[str, Any]:
    return {
        "id": str(run.id), "script_id": str(run.script_id), "version": run.version_number, "status": run.status,
        "trigger": run.trigger, "attempt": run.attempt, "error_code": run.error_code, "metrics": metrics(run),
        "created_at": when(run.created_at), "started_at": when(run.started_at), "finished_at": when(run.finished_at),
    }  # fmt: skip


def execution_whole(run: Execution, logs: list[dict[str, Any]]) -> dict[str, Any]:
    error = dict(run.error) if run.error else None
    return execution_summary(run) | {"input": run.input, "output": run.output, "error": error, "logs": logs,
                                     "logs_dropped": run.logs_dropped}  # fmt: skip


def metrics(run: Execution) -> dict[str, Any]:
    names = ("wait_ms", "run_ms", "cpu_ms", "peak_memory_bytes", "api_calls")
    return {name: getattr(run, name) for name in names}
