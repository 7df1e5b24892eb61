"""JSON Schema (2020-12) for objects and arrays, made safe: nothing is fetched, patterns are RE2, and every check ends soon."""

import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from services.errors import Invalid
from services.parameters import patterns
from services.parameters.faults import InputFault

MAX_BYTES = 16 * 1024
MAX_STEPS = 200_000  # keywords looked at in one check: a second or so
MAX_FAULTS = 20
# These lead out of the document, or make patterns of ours run elsewhere.
UNSUPPORTED = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "patternProperties")

_steps_left: ContextVar[list[int]] = ContextVar("steps_left")


class _TooMuch(Exception):
    pass


def check(schema: Any, field: str) -> None:
    """Raises Invalid for what is no schema of ours."""
    if not isinstance(schema, dict):
        raise Invalid("A schema is a JSON object.", field)
    try:
        if len(json.dumps(schema)) > MAX_BYTES:
            raise Invalid("The schema is longer than %(count)s characters.", field, count=MAX_BYTES)
        Draft202012Validator.check_schema(schema)
        for part in _parts(schema):
            _check_part(part, schema, field)
    except SchemaError as error:
        path = "/".join(map(str, error.absolute_path))
        raise Invalid("This is not a JSON Schema (draft 2020-12): see “%(path)s”.", field, path=path or "/") from error
    except RecursionError as error:
        raise Invalid("The schema is nested too deeply.", field) from error


def _parts(schema: Any) -> Iterator[Any]:
    yield schema
    for inner in DRAFT202012.create_resource(schema).subresources():
        yield from _parts(inner.contents)


def _check_part(part: Any, whole: dict[str, Any], field: str) -> None:
    if not isinstance(part, dict):
        return
    for keyword in UNSUPPORTED:
        if keyword in part:
            raise Invalid("“%(keyword)s” is not supported in schemas here.", field, keyword=keyword)
    if "pattern" in part:
        check_pattern(part["pattern"], field)
    if "$ref" in part and not _leads_somewhere(part["$ref"], whole):
        raise Invalid("The schema refers to “%(ref)s”, which is not in it.", field, ref=part["$ref"])


def check_pattern(pattern: str, field: str) -> None:
    try:
        patterns.check(pattern)
    except patterns.PatternError as error:
        raise Invalid("This pattern cannot be used: %(reason)s.", field, reason=str(error)) from error


def _leads_somewhere(ref: str, whole: dict[str, Any]) -> bool:
    if not ref.startswith("#"):
        return False
    try:
        Registry().with_resource("", DRAFT202012.create_resource(whole)).resolver().lookup(ref)
    except Unresolvable:
        return False
    return True


def faults(schema: dict[str, Any], value: Any, name: str) -> list[InputFault]:
    """What keeps `value` from fitting `schema`, a checked one; the first twenty things."""
    _steps_left.set([MAX_STEPS])
    try:
        found = islice(_Validator(schema, registry=Registry()).iter_errors(value), MAX_FAULTS)
        return [_fault(error, name) for error in found]
    except (_TooMuch, RecursionError):
        return [InputFault("This is too complex to be checked against its schema.", name)]


def _counted(check: Callable[..., Any]) -> Callable[..., Any]:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        left = _steps_left.get()
        left[0] -= 1
        if left[0] < 0:
            raise _TooMuch
        return check(validator, value, instance, schema)

    return counted


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not patterns.occurs(pattern, instance):
        yield ValidationError("pattern")


def _unique_items(validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """The library compares each with each; long lists would take hours."""
    if not wanted or not validator.is_type(instance, "array"):
        return
    if len({json.dumps(item, sort_keys=True) for item in instance}) < len(instance):
        yield ValidationError("uniqueItems")


_KEYWORDS = {**Draft202012Validator.VALIDATORS, "pattern": _pattern, "uniqueItems": _unique_items}
_Validator = validators.extend(Draft202012Validator, {name: _counted(check) for name, check in _KEYWORDS.items()})


def _fault(error: ValidationError, name: str) -> InputFault:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    at, wanted = f"{name}{place}", error.validator_value
    match error.validator:
        case "type":
            types = ", ".join(wanted) if isinstance(wanted, list) else wanted
            return InputFault("%(at)s must be of type %(types)s.", name, at=at, types=types)
        case "required":
            missing = next((each for each in wanted if each not in error.instance), "")
            return InputFault("%(at)s lacks “%(key)s”.", name, at=at, key=missing)
        case "enum" | "const":
            options = json.dumps(wanted, ensure_ascii=False)[:200]
            return InputFault("%(at)s must be one of %(options)s.", name, at=at, options=options)
        case "minimum" | "exclusiveMinimum":
            return InputFault("%(at)s is too small: the limit is %(limit)s.", name, at=at, limit=wanted)
        case "maximum" | "exclusiveMaximum":
            return InputFault("%(at)s is too large: the limit is %(limit)s.", name, at=at, limit=wanted)
        case "minLength" | "minItems" | "minProperties":
            return InputFault("%(at)s is too short: the limit is %(limit)s.", name, at=at, limit=wanted)
        case "maxLength" | "maxItems" | "maxProperties":
            return InputFault("%(at)s is too long: the limit is %(limit)s.", name, at=at, limit=wanted)
        case "pattern":
            return InputFault("%(at)s must match the pattern %(pattern)s.", name, at=at, pattern=wanted)
        case "uniqueItems":
            return InputFault("%(at)s holds the same item twice.", name, at=at)
        case "additionalProperties" | "unevaluatedProperties":
            return InputFault("%(at)s has keys that are not allowed.", name, at=at)
    return InputFault("%(at)s does not fit the schema (%(keyword)s).", name, at=at, keyword=str(error.validator))
