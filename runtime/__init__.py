"""Runs untrusted JavaScript for many tenants in pooled, limited, locked-down V8 processes."""

from runtime.errors import CODES, HostError, ScriptError
from runtime.limits import Limits, RuntimeConfig
from runtime.runtime import Runtime
from runtime.types import CallTrace, LogEntry, Outcome, RunMetrics, Source

__all__ = [
    "CODES",
    "CallTrace",
    "HostError",
    "Limits",
    "LogEntry",
    "Outcome",
    "RunMetrics",
    "Runtime",
    "RuntimeConfig",
    "ScriptError",
    "Source",
]
