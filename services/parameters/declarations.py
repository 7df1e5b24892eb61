"""Are these parameters? What a script's author declares is checked once, here, so that everything later can rely on it."""

import json
import re
from collections.abc import Callable
from typing import Any

from services.errors import Invalid
from services.parameters import schemas, values

TYPES = ("string", "number", "integer", "boolean", "object", "array", "date", "enum")
MAX_PARAMETERS = 50
MAX_NAME = 64
MAX_DESCRIPTION = 500
MAX_OPTIONS = 100
MAX_OPTION = 200
MAX_DEFAULT = 16 * 1024
MAX_LENGTH = 1_000_000

# What each type may be restricted by.
RULES: dict[str, tuple[str, ...]] = {
    "string": ("min_length", "max_length", "pattern"),
    "number": ("min", "max"),
    "integer": ("min", "max"),
    "boolean": (),
    "object": ("schema",),
    "array": ("min_length", "max_length", "schema"),
    "date": ("min", "max"),
    "enum": ("options",),
}
KEYS = ("name", "type", "required", "default", "description", "min", "max", "min_length", "max_length", "pattern",
        "options", "schema")  # fmt: skip


def check_declarations(declared: Any) -> list[values.Parameter]:
    """The parameters in their one form: keys in order, nothing empty. Raises Invalid, whose field is such as `parameters[2].min`."""
    if not isinstance(declared, list):
        raise Invalid("Parameters are a list.", "parameters")
    if len(declared) > MAX_PARAMETERS:
        raise Invalid("A script may have %(count)s parameters.", "parameters", count=MAX_PARAMETERS)
    checked = [_checked(each, f"parameters[{index}]") for index, each in enumerate(declared)]
    taken: set[str] = set()
    for index, parameter in enumerate(checked):
        if parameter["name"] in taken:
            raise Invalid("Two parameters are called “%(name)s”.", f"parameters[{index}].name", name=parameter["name"])
        taken.add(parameter["name"])
    return checked


def _checked(declared: Any, place: str) -> values.Parameter:
    if not isinstance(declared, dict):
        raise Invalid("A parameter is a JSON object with name and type.", place)
    for key in declared:
        if key not in KEYS:
            raise Invalid("Parameters have no “%(key)s”.", f"{place}.{str(key)[:64]}", key=str(key)[:64])
    parameter = {key: declared[key] for key in KEYS if key in declared and declared[key] not in (None, "")}
    parameter.setdefault("type", "string")
    for key in ("name", "type", "description", "required"):
        _CHECKS[key](parameter, f"{place}.{key}")
    _check_rules(parameter, place)
    _check_default(parameter, f"{place}.default")
    return parameter


def _check_name(parameter: values.Parameter, field: str) -> None:
    name = parameter.get("name")
    if not isinstance(name, str) or not name:
        raise Invalid("Give the parameter a name.", field)
    if len(name) > MAX_NAME:
        raise Invalid("At most %(count)s characters.", field, count=MAX_NAME)
    if not re.fullmatch(r"[^\W\d][\w$]*|[$][\w$]*", name) or not name.replace("$", "_").isidentifier():
        raise Invalid("Letters, digits, _ and $, and no digit first: scripts read it as context.input.name.", field)
    if name == "__proto__":
        raise Invalid("This name means something else in JavaScript.", field)


def _check_type(parameter: values.Parameter, field: str) -> None:
    if parameter["type"] not in TYPES:
        raise Invalid("The type must be one of %(types)s.", field, types=", ".join(TYPES))


def _check_description(parameter: values.Parameter, field: str) -> None:
    text = parameter.get("description", "")
    if not isinstance(text, str):
        raise Invalid("This must be text.", field)
    if len(text) > MAX_DESCRIPTION:
        raise Invalid("At most %(count)s characters.", field, count=MAX_DESCRIPTION)


def _check_required(parameter: values.Parameter, field: str) -> None:
    if not isinstance(parameter.get("required", False), bool):
        raise Invalid("This must be true or false.", field)
    if not parameter.get("required"):
        parameter.pop("required", None)


def _check_rules(parameter: values.Parameter, place: str) -> None:
    allowed = RULES[parameter["type"]]
    for rule in ("min", "max", "min_length", "max_length", "pattern", "options", "schema"):
        if rule in parameter and rule not in allowed:
            raise Invalid("“%(rule)s” does not go with the type %(type)s.", f"{place}.{rule}", rule=rule,
                          type=parameter["type"])  # fmt: skip
    for rule in allowed:
        if rule in parameter or rule == "options":
            _CHECKS[rule](parameter, f"{place}.{rule}")
    for low, high in (("min", "max"), ("min_length", "max_length")):
        if low in parameter and high in parameter and parameter[low] > parameter[high]:
            raise Invalid("The upper limit is below the lower one.", f"{place}.{high}")


def _check_limit(rule: str) -> Callable[[values.Parameter, str], None]:
    def check(parameter: values.Parameter, field: str) -> None:
        """A limit is a value of the parameter's own type."""
        bare = {"name": "", "type": parameter["type"]}
        if wrong := values.faults(bare, parameter[rule]):
            raise Invalid(wrong[0].message, field, **wrong[0].params)

    return check


def _check_length(rule: str) -> Callable[[values.Parameter, str], None]:
    def check(parameter: values.Parameter, field: str) -> None:
        length = parameter[rule]
        if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= MAX_LENGTH:
            raise Invalid("A length is a whole number from 0 to %(count)s.", field, count=MAX_LENGTH)

    return check


def _check_pattern(parameter: values.Parameter, field: str) -> None:
    if not isinstance(parameter["pattern"], str):
        raise Invalid("This must be text.", field)
    schemas.check_pattern(parameter["pattern"], field)


def _check_options(parameter: values.Parameter, field: str) -> None:
    options = parameter.get("options")
    if not isinstance(options, list) or not options:
        raise Invalid("List what can be chosen.", field)
    if len(options) > MAX_OPTIONS:
        raise Invalid("At most %(count)s choices.", field, count=MAX_OPTIONS)
    for option in options:
        is_number = isinstance(option, int | float) and not values.faults({"name": "", "type": "number"}, option)
        if not is_number and not (isinstance(option, str) and 0 < len(option) <= MAX_OPTION):
            raise Invalid("A choice is a number or a text of 1 to %(count)s characters.", field, count=MAX_OPTION)
    if len({str(option) for option in options}) < len(options):
        raise Invalid("A choice is listed twice.", field)


def _check_schema(parameter: values.Parameter, field: str) -> None:
    schemas.check(parameter["schema"], field)


def _check_default(parameter: values.Parameter, field: str) -> None:
    if "default" not in parameter:
        return
    try:
        size = len(json.dumps(parameter["default"], allow_nan=False))
    except (ValueError, RecursionError) as error:
        raise Invalid("This is not JSON.", field) from error
    if size > MAX_DEFAULT:
        raise Invalid("The default is longer than %(count)s characters.", field, count=MAX_DEFAULT)
    if wrong := values.faults(parameter, parameter["default"]):
        raise Invalid(wrong[0].message, field, **wrong[0].params)


_CHECKS: dict[str, Callable[[values.Parameter, str], None]] = {
    "name": _check_name, "type": _check_type, "description": _check_description, "required": _check_required,
    "min": _check_limit("min"), "max": _check_limit("max"),
    "min_length": _check_length("min_length"), "max_length": _check_length("max_length"),
    "pattern": _check_pattern, "options": _check_options, "schema": _check_schema,
}  # fmt: skip
