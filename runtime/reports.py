"""From what an engine reports to the ScriptError people read. The report is hostile; only its shape is trusted, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runtime.compiler import syntax_error
from runtime.errors import CODES, ScriptError
from runtime.limits import Limits
from runtime.types import Source
from runtime.wrapping import HEAD

MOST_FRAMES = 30
_LOCATION = re.compile(r":([0-9]{1,9}):([0-9]{1,9})\)?$")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
# What V8 says to a script when there is no more room for buffers: when one is made, and when one is to grow.
_NO_ROOM = re.compile(r"RangeError: (Array buffer allocation failed|ArrayBuffer\.prototype\.\w+: Out of memory)")
# Codes an engine may claim without our having seen the cause.
_FIXED = frozenset({"SYNTAX_ERROR", "MEMORY_LIMIT", "RESULT_NOT_JSON", "OUTPUT_TOO_LARGE"})


def script_error(report: Mapping[str, Any], source: Source, limits: Limits) -> ScriptError:
    claimed = _text(report.get("fixed"))
    fixed = claimed if claimed in _FIXED else None
    if fixed == "SYNTAX_ERROR":
        return syntax_error(source, _text(report.get("report")), _whole(report.get("prefix")))
    if fixed == "MEMORY_LIMIT":
        return ScriptError.of(fixed, f"the run used more than {limits.memory_mb} MB of memory")
    thrown = report.get("error")
    return _thrown(thrown if isinstance(thrown, dict) else {}, fixed, source, limits)


def _thrown(about: dict[str, Any], fixed: str | None, source: Source, limits: Limits) -> ScriptError:
    message = _named(about)
    if fixed is None and _NO_ROOM.match(message):
        return ScriptError.of("MEMORY_LIMIT", f"the run used more than {limits.memory_mb} MB of memory")
    stack, line, column = _stack(about, message, source)
    mark = about.get("mark")
    code, retryable = fixed or "RUNTIME_ERROR", None
    details = _details(about)
    if isinstance(mark, dict):
        retryable = mark.get("retryable") is True
        named = _text(mark.get("code"))
        code = fixed or (named if named in CODES or _CODE.fullmatch(named) else code)
        if isinstance(mark.get("details"), dict):
            details |= mark["details"]
    return ScriptError.of(code, message, retryable=retryable, line=line, column=column, stack=stack, details=details)


def _named(about: Mapping[str, Any]) -> str:
    name, message = _text(about.get("name")), _text(about.get("message"))
    if about.get("thrown"):
        return message
    if name in ("", "Error", "Fatal", "RetryAfter"):
        return message or name
    return f"{name}: {message}" if message else name


def _stack(about: Mapping[str, Any], message: str, source: Source) -> tuple[str | None, int | None, int | None]:
    """The frames of the user's own file, with columns on its first line counted from its own beginning."""
    frames = [_shifted(line) for line in _text(about.get("stack")).split("\n") if _own(line, source)][:MOST_FRAMES]
    if not frames:
        return None, None, None
    place = _LOCATION.search(frames[0])
    line, column = (int(place[1]), int(place[2])) if place else (None, None)
    return "\n".join([message, *frames]), line, column


def _own(line: str, source: Source) -> bool:
    return (
        line.startswith("    at ")
        and "dastgoh:prelude" not in line
        and f"{source.name}:" in line
        and bool(_LOCATION.search(line))
    )


def _shifted(line: str) -> str:
    place = _LOCATION.search(line)
    if place is None or place[1] != "1":
        return line
    column = max(1, int(place[2]) - len(HEAD))
    return f"{line[: place.start()]}:1:{column}{')' if line.endswith(')') else ''}"


def _details(about: Mapping[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if about.get("thrown"):
        details["thrown"] = True
    if isinstance(about.get("code"), str | int | float):
        details["code"] = about["code"]
    cause, errors = about.get("cause"), about.get("errors")
    if isinstance(cause, dict):
        details["cause"] = _brief(cause)
    if isinstance(errors, dict):
        details["errors"] = [_brief(error) for error in errors.values() if isinstance(error, dict)]
    return details


def _brief(about: Mapping[str, Any]) -> dict[str, Any]:
    return {"message": _named(about), **_details(about)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
