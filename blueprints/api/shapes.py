"""From rows to the JSON that schemas.py describes."""

from datetime import UTC, datetime
from typing import Any

from models.audit_entry import AuditEntry
from models.dead_letter import DeadLetter
from models.execution import Execution
from models.script import Script
from models.script_version import ScriptVersion

Shape = dict[str, Any]


def when(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def script_summary(script: Script) -> Shape:
    return {
        "id": str(script.id), "name": script.name, "description": script.description, "enabled": script.enabled,
        "tags": list(script.tags), "metadata": dict(script.extra), "parameters": list(script.parameters),
        "limits": dict(script.limits), "version": script.version, "has_syntax_error": script.has_syntax_error,
        "created_at": when(script.created_at), "updated_at": when(script.updated_at),
    }  # fmt: skip


def script_whole(script: Script) -> Shape:
    return script_summary(script) | {
        "source": script.source, "retention": dict(script.retention), "sample_input": script.sample_input,
    }  # fmt: skip


def version_summary(version: ScriptVersion) -> Shape:
    return {
        "number": version.number, "note": version.note, "milestone": version.is_milestone,
        "restored_from": version.restored_from, "lines_added": version.lines_added,
        "lines_removed": version.lines_removed, "source_hash": version.source_hash,
        "created_by": _text(version.created_by), "created_at": when(version.created_at),
    }  # fmt: skip


def version_whole(version: ScriptVersion) -> Shape:
    return version_summary(version) | {
        "source": version.source, "parameters": list(version.parameters), "limits": dict(version.limits),
        "triggers": dict(version.triggers),
    }  # fmt: skip


def execution_summary(run: Execution) -> Shape:
    return {
        "id": str(run.id), "script_id": str(run.script_id), "version": run.version_number, "status": run.status,
        "trigger": run.trigger, "attempt": run.attempt, "error_code": run.error_code, "metrics": metrics(run),
        "created_at": when(run.created_at), "started_at": when(run.started_at), "finished_at": when(run.finished_at),
    }  # fmt: skip


def execution_whole(run: Execution, logs: list[Shape]) -> Shape:
    error = dict(run.error) if run.error else None
    return execution_summary(run) | {"input": run.input, "output": run.output, "error": error,
                                     "logs": [log_line(line) for line in logs], "logs_dropped": run.logs_dropped}  # fmt: skip


def metrics(run: Execution) -> Shape:
    names = ("wait_ms", "run_ms", "cpu_ms", "peak_memory_bytes", "api_calls")
    return {name: getattr(run, name) for name in names}


def log_line(line: Shape) -> Shape:
    """While a run goes on its lines are as its engine sends them: with seconds since 1970."""
    at = line["timestamp"]
    return line | {"timestamp": at if isinstance(at, str) else when(datetime.fromtimestamp(at, UTC))}


def dead_letter_summary(letter: DeadLetter) -> Shape:
    return {
        "id": str(letter.id), "script_id": str(letter.script_id), "execution_id": _text(letter.execution_id),
        "event_type": letter.event_type, "version": letter.version_number,
        "error": {"code": letter.error_code, "message": letter.error_message}, "attempts": letter.attempts,
        "failed_at": when(letter.failed_at), "resolved_at": when(letter.resolved_at), "resolution": letter.resolution,
        "replayed_as": _text(letter.replayed_as), "note": letter.note,
    }  # fmt: skip


def dead_letter_whole(letter: DeadLetter) -> Shape:
    return dead_letter_summary(letter) | {"event_data": letter.event_data, "error": letter.error}


def audit_entry(entry: AuditEntry) -> Shape:
    return {
        "id": str(entry.id), "action": entry.action, "actor_id": _text(entry.actor_id), "actor": entry.actor_label,
        "target_type": entry.target_type, "target_id": entry.target_id, "target": entry.target_label,
        "before": entry.before, "after": entry.after, "request_id": entry.request_id, "ip": entry.ip,
        "created_at": when(entry.created_at),
    }  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)
