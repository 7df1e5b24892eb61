"""The one function that runs a Call: policies, outermost first, and the sandbox at their heart.

A policy is a plain function `policy(run, call) -> Outcome`. What it refuses it raises, and that is ours; what the script does
wrong is an Outcome, and that is the script's.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

from runtime import Limits, LogEntry, Outcome, Source
from runtime.limits import MIB
from runtime.types import CallTrace
from services import parameters
from services.calls import Call
from services.engines import engines
from services.granted.buckets import log_lines
from services.grants import RunFacts, granted
from services.hands import hands
from services.limits import runtime_limits
from services.live import CALL, LOG
from services.policies.audit import audit
from services.policies.concurrency import concurrency
from services.policies.metrics import metrics
from services.policies.quota import quota
from services.policies.switch import switch
from services.stored import storable
from services.wiring import settings

MAX_REQUEST_BYTES = 8 * MIB

Run = Callable[[Call], Outcome]
Policy = Callable[[Run, Call], Outcome]


def in_sandbox(call: Call) -> Outcome:
    given = parameters.apply(call.parameters, call.input)
    feed = hands().steward.feed
    with granted(_facts(call)) as grants:

        def on_log(entry: LogEntry) -> None:
            feed.post(call.execution_id, LOG, grants.redact(entry.to_dict()))

        def on_call(trace: CallTrace) -> None:
            feed.post(call.execution_id, CALL, trace.to_dict())

        outcome = engines().execute(
            Source.of(call.source, f"{call.script_name}.js"), input=given, context=context_of(call), host=grants.host,
            limits=_limits(call), on_log=on_log, on_call=on_call, execution_id=str(call.execution_id), tenant=str(call.tenant_id),
        )  # fmt: skip
        return _redacted(outcome, grants.redact)


def _limits(call: Call) -> Limits:
    """A run that another run waits for has no more time than that one has left."""
    limits = runtime_limits(call.limits, settings())
    timeout_ms = _timeout_ms(call, limits.timeout_ms)
    lines = log_lines(call.tenant_limits, limits.timeout_ms, limits.max_log_lines)
    # A request is there twice: as its sender wrote it, and as it is read.
    most_input = limits.max_input_bytes if call.request is None else MAX_REQUEST_BYTES
    return replace(limits, timeout_ms=timeout_ms, max_log_lines=lines, max_input_bytes=most_input)


def _timeout_ms(call: Call, most: int) -> int:
    return most if call.deadline is None else min(most, max(1, round((call.deadline - time.monotonic()) * 1000)))


def context_of(call: Call) -> dict[str, Any]:
    """What the script sees as `context`; see runtime/host/context.d.ts."""
    caller = call.caller
    return {
        "tenant": {"id": str(call.tenant_id), "name": call.tenant_name},
        "user": caller and {
            "id": str(caller.id), "email": caller.email, "firstName": caller.first_name, "lastName": caller.last_name,
            "permissions": sorted(caller.permissions),
        },
        "script": {"id": str(call.script_id), "name": call.script_name, "version": call.version},
        "execution": {
            "id": str(call.execution_id), "type": call.type, "triggeredBy": call.triggered_by, "attempt": call.attempt,
        },
        "trigger": call.trigger, "event": call.event, "request": call.request, "requestId": call.request_id,
        "deadlineMs": round(time.time() * 1000) + _timeout_ms(call, call.limits["timeout_ms"]),
    }  # fmt: skip


def _facts(call: Call) -> RunFacts:
    return RunFacts(
        execution_id=call.execution_id, tenant_id=call.tenant_id, tenant_slug=call.tenant_slug,
        script_id=call.script_id, script_name=call.script_name, user_id=call.caller.id if call.caller else None,
        permissions=call.caller.permissions if call.caller else frozenset(), chain_depth=call.chain_depth,
        attempt=call.attempt, request_id=call.request_id, deadline=call.deadline, limits=call.tenant_limits,
    )  # fmt: skip


def _redacted(outcome: Outcome, redact: Callable[[Any], Any]) -> Outcome:
    """What is kept of a run, as it may be kept: no secret it read, nothing a database could refuse."""
    outcome.value = storable(redact(outcome.value))
    outcome.logs = [LogEntry(**storable(redact(entry.to_dict()))) for entry in outcome.logs]
    if outcome.error:
        outcome.error = type(outcome.error)(**storable(redact(outcome.error.to_dict())))
    return outcome


def compose(policies: Sequence[Policy], innermost: Run) -> Run:
    return reduce(lambda run, policy: partial(policy, run), reversed(policies), innermost)


# Quota after concurrency: a run that waits for a slot has not begun, and is not counted again and again.
POLICIES: tuple[Policy, ...] = (metrics, audit, switch, concurrency, quota)
execute: Run = compose(POLICIES, in_sandbox)
