"""JSON Schemas of what goes in and out. Numbers and choices come from where they are enforced, so that they cannot differ."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

from blueprints.api.contract import MOST_PER_PAGE, Asked, Schema
from models.dead_letter import RESOLUTIONS
from models.endpoint import AUTHS, METHODS, MODES
from models.execution import STATUSES, TRIGGERS
from models.schedule import MISFIRES, OVERLAPS
from services import endpoint_paths, event_types, events, parameters, schedule_checks, scripts
from services.filters import MAX_BYTES as MAX_FILTER
from services.limits import BOUNDS
from services.run_lists import STATES
from services.versions import RETENTION_BOUNDS

NO_NUL = "^[^\\u0000]*$"


def text(most: int | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "string"} | ({"maxLength": most} if most else {}) | more


def typed(most: int) -> dict[str, Any]:
    """Text in an address, where a NUL is a machine's attempt at something."""
    return text(most, pattern=NO_NUL)


def whole(least: int | None = None, most: int | None = None, **more: Any) -> dict[str, Any]:
    bounds = {"minimum": least, "maximum": most}
    return {"type": "integer"} | {name: value for name, value in bounds.items() if value is not None} | more


def choice(values: Any, **more: Any) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)} | more


def items(of: Schema, most: int | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": of} | ({"maxItems": most} if most else {}) | more


def nullable(schema: Schema) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def takes(properties: Mapping[str, Schema], *required: str, **more: Any) -> dict[str, Any]:
    """What a request may say: nothing else."""
    said = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return said | ({"required": list(required)} if required else {}) | more


def gives(**properties: Schema) -> dict[str, Any]:
    """What an answer always says; later versions may say more."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def page_of(name: str) -> dict[str, Any]:
    return gives(items=items(ref(name)), next_cursor=NEXT_CURSOR)


ANY: dict[str, Any] = {"description": "any JSON"}
ID = text(format="uuid")
MOMENT = text(format="date-time")
MAYBE_MOMENT = nullable(MOMENT)
FLAG = {"type": "boolean"}
OBJECT = {"type": "object"}
MAYBE_NUMBER = {"type": ["integer", "null"]}
MAYBE_TEXT = {"type": ["string", "null"]}
NEXT_CURSOR = MAYBE_TEXT | {"description": "for the next page; null on the last"}

LIMIT = Asked("limit", whole(1, MOST_PER_PAGE, default=50), _l("how many on a page"))
CURSOR = Asked("cursor", typed(200), _l("“next_cursor” of the page before"))
SINCE = Asked("since", MOMENT, _l("not before this time, written with its zone"))
UNTIL = Asked("until", MOMENT, _l("before this time"))
SCRIPT = Asked("script", ID, _l("of this script"))
PAGED = (LIMIT, CURSOR)
TIMED = (SINCE, UNTIL)

# ---- what requests say

LIMITS = {
    "type": "object", "additionalProperties": False,
    "properties": {name: whole(bound.low, bound.high) for name, bound in BOUNDS.items()},
}  # fmt: skip
RETENTION = {
    "type": "object", "additionalProperties": False,
    "properties": {name: whole(*bounds) for name, bounds in RETENTION_BOUNDS.items()} | {"keep_milestones": FLAG},
}  # fmt: skip
PARAMETER = {
    "type": "object", "required": ["name"], "description": "see the page about parameters of a script",
    "properties": {
        "name": text(64, minLength=1), "type": choice(parameters.TYPES, default="string"), "required": FLAG,
        "default": ANY, "description": text(500), "min": ANY, "max": ANY, "min_length": ANY, "max_length": ANY,
        "pattern": ANY, "options": ANY, "schema": ANY,
    },
}  # fmt: skip
SCRIPT_MEMBERS = {
    "name": text(100, minLength=3, pattern=r"\S", description="unique in the tenant, whatever its case"),
    "description": text(2000),
    "source": text(scripts.MAX_SOURCE_BYTES, description="JavaScript; `return` and `await` stand at its top"),
    "enabled": FLAG,
    "tags": items(text(scripts.MAX_TAG), scripts.MAX_TAGS),
    "metadata": OBJECT | {"description": f"up to {scripts.MAX_METADATA_BYTES} bytes"},
    "parameters": items(PARAMETER, parameters.MAX_PARAMETERS),
    "limits": LIMITS,
    "retention": RETENTION,
    "sample_input": ANY,
}
NOTE = text(500, description="why; kept with the version")
BASE_VERSION = {"type": "integer", "description": "refuses (409) to overwrite a version the caller has not seen"}
WAIT = {"anyOf": [FLAG, {"type": "number", "minimum": 0, "maximum": 300}, {"type": "null"}],
        "description": "true, or how many seconds the answer may wait for the end"}  # fmt: skip
PINNED_OR_CURRENT = choice(
    ("pinned", "current"), default="pinned", description="the version that ran, or the current one"
)
FILTER = nullable(OBJECT | {"description": f"see the page about events; up to {MAX_FILTER} bytes"})
SUBSCRIPTION_MEMBERS = {
    "event_type": text(event_types.MAX_LENGTH, minLength=1, description="`order.created`, `order.*` or `*`"),
    "filter": FILTER, "enabled": FLAG, "allow_self": FLAG,
}  # fmt: skip
SCHEDULE_MEMBERS = {
    "cron": text(description="five fields, `@daily` or `every 5 minutes`"),
    "timezone": text(description="an IANA name; the tenant's by default"),
    "input": ANY, "enabled": FLAG, "overlap": choice(OVERLAPS), "misfire": choice(MISFIRES),
    "jitter_seconds": whole(0, schedule_checks.MAX_JITTER_SECONDS), "starts_at": MAYBE_MOMENT, "ends_at": MAYBE_MOMENT,
}  # fmt: skip
ENDPOINT_MEMBERS = {
    "path": text(endpoint_paths.LONGEST, minLength=1, description="`orders/:id`, below /hooks/ and the tenant"),
    "methods": items(choice(METHODS), description="`[\"POST\"]` by default"),
    "auth": choice(AUTHS), "mode": choice(MODES), "enabled": FLAG,
    "options": OBJECT | {"description": "signature, cors, rate_per_minute, body_limit_bytes, timeout_s, "
                                        "forward_authorization; see the page about endpoints"},
}  # fmt: skip
EVENT = {
    "type": text(event_types.MAX_LENGTH, minLength=1, description="such as `order.created`"),
    "data": ANY,
    "id": nullable(text(events.MAX_ID, minLength=1, description="the sender's own: the same again is one event")),
}

# ---- what answers say

ERROR_POINT = gives(field=text(), message=text())
COMPONENTS: dict[str, dict[str, Any]] = {
    "Problem": gives(
        type=text(), title=text(), status=whole(400, 599), code=text(description="for programs"), request_id=text(),
    ) | {"description": "RFC 9457", "additionalProperties": True},
    "ScriptSummary": gives(
        id=ID, name=text(), description=text(), enabled=FLAG, tags=items(text()), metadata=OBJECT,
        parameters=items(OBJECT), limits=OBJECT, version=whole(1), has_syntax_error=FLAG, created_at=MOMENT,
        updated_at=MOMENT,
    ),
    "VersionSummary": gives(
        number=whole(1), note=text(), milestone=FLAG, restored_from=MAYBE_NUMBER, lines_added=whole(0),
        lines_removed=whole(0), source_hash=text(description="SHA-256 in hexadecimal"), created_by=nullable(ID),
        created_at=MOMENT,
    ),
    "Validation": gives(valid=FLAG, problems=items(ref("SourceProblem"))),
    "SourceProblem": gives(
        code=text(), message=text(), severity=choice(("error", "warning")), line=whole(1), column=whole(1),
        end_line=whole(1), end_column=whole(1),
    ),
    "Metrics": gives(
        wait_ms=MAYBE_NUMBER, run_ms=MAYBE_NUMBER, cpu_ms=MAYBE_NUMBER, peak_memory_bytes=MAYBE_NUMBER,
        api_calls=MAYBE_NUMBER,
    ),
    "RunError": gives(
        code=text(), message=text(), source=choice(("syntax", "runtime", "permission", "resource", "timeout", "host")),
        line=MAYBE_NUMBER, column=MAYBE_NUMBER, stack=MAYBE_TEXT, retryable=FLAG,
    ),
    "LogLine": gives(level=text(), message=text(), data=ANY, timestamp=MOMENT),
    "Log": gives(
        items=items(ref("LogLine")), next_cursor=NEXT_CURSOR | {
            "description": "what comes after these lines; null when the run has ended and these are its last"
        },
        dropped=whole(0, description="lines the run wrote beyond what is kept"),
    ),
    "ExecutionSummary": gives(
        id=ID, script_id=ID, version=whole(1), status=choice(STATUSES), trigger=choice(TRIGGERS), attempt=whole(1),
        error_code=MAYBE_TEXT, metrics=ref("Metrics"), created_at=MOMENT, started_at=MAYBE_MOMENT,
        finished_at=MAYBE_MOMENT,
    ),
    "Result": gives(output=ANY, execution_id=ID),
    "Subscription": gives(id=ID, script_id=ID, event_type=text(), filter=nullable(OBJECT), enabled=FLAG,
                          allow_self=FLAG),
    "Schedule": gives(
        id=ID, cron=text(), timezone=text(), input=ANY, enabled=FLAG, overlap=choice(OVERLAPS),
        misfire=choice(MISFIRES), jitter_seconds=whole(0), starts_at=MAYBE_MOMENT, ends_at=MAYBE_MOMENT,
        next_run_at=MAYBE_MOMENT,
    ),
    "Endpoint": gives(id=ID, path=text(), methods=items(choice(METHODS)), auth=choice(AUTHS), mode=choice(MODES),
                      enabled=FLAG, options=OBJECT),
    "Published": gives(id=text(), matched=whole(0, description="how many subscriptions take it")),
    "DeadLetterSummary": gives(
        id=ID, script_id=ID, execution_id=nullable(ID), event_type=text(), version=whole(1),
        error=gives(code=text(), message=text()), attempts=whole(1), failed_at=MOMENT, resolved_at=MAYBE_MOMENT,
        resolution=choice(("", *RESOLUTIONS)), replayed_as=nullable(ID), note=text(),
    ),
    "Replayed": gives(execution_id=ID, version=whole(1)),
    "AuditEntry": gives(
        id=ID, action=text(), actor_id=nullable(ID), actor=text(), target_type=text(), target_id=text(), target=text(),
        before=nullable(OBJECT), after=nullable(OBJECT), request_id=text(), ip=text(), created_at=MOMENT,
    ),
}  # fmt: skip


def _more(name: str, **properties: Schema) -> dict[str, Any]:
    said = COMPONENTS[name]["properties"] | properties
    return gives(**said)


COMPONENTS |= {
    "Script": _more("ScriptSummary", source=text(), retention=OBJECT, sample_input=ANY),
    "Version": _more(
        "VersionSummary", source=text(), parameters=items(OBJECT), limits=OBJECT,
        triggers=gives(schedules=items(OBJECT), endpoints=items(OBJECT), subscriptions=items(OBJECT)),
    ),
    "Execution": _more(
        "ExecutionSummary", input=ANY, output=ANY, error=nullable(ref("RunError")), logs=items(ref("LogLine")),
        logs_dropped=whole(0),
    ),
    "DeadLetter": _more("DeadLetterSummary", event_data=ANY, error=nullable(OBJECT)),
}  # fmt: skip
COMPONENTS["Problem"]["properties"] |= {
    "detail": text(), "errors": items(ERROR_POINT), "execution_id": ID, "retryable": FLAG,
}  # fmt: skip
COMPONENTS |= {
    f"{name}s": page_of(f"{name}Summary") for name in ("Script", "Version", "Execution", "DeadLetter")
} | {f"{name}s": page_of(name) for name in ("Subscription", "Schedule", "Endpoint")} | {"AuditEntries": page_of("AuditEntry")}  # fmt: skip
STATES_OF_RUNS = tuple(STATES)
