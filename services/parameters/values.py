"""Does a value fit its parameter? And the input of a run its parameters?"""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from typing import Any

from services.parameters import patterns, schemas
from services.parameters.faults import InputFault, InvalidInput

EXACT = 2**53 - 1  # beyond this, JavaScript's numbers skip some
LARGEST = 1.7976931348623157e308  # beyond this, they are Infinity

Parameter = dict[str, Any]


def apply(parameters: list[Parameter], value: Any) -> Any:
    """The input a run gets: defaults filled in, everything checked. Raises InvalidInput. Keys nobody declared stay as they are."""
    if not parameters:
        return value
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise InvalidInput([InputFault("The input must be a JSON object with a key for each parameter.")])
    filled, found = dict(value), []
    for parameter in parameters:
        found += _fill_in(parameter, filled)
    if found:
        raise InvalidInput(found)
    return filled


def _fill_in(parameter: Parameter, filled: dict[str, Any]) -> list[InputFault]:
    """null is the same as nothing given."""
    name = parameter["name"]
    given = filled.pop(name, None)
    if given is None and "default" in parameter:
        filled[name] = deepcopy(parameter["default"])
    elif given is None:
        return [InputFault("This field is required.", name)] if parameter.get("required") else []
    else:
        wrong = faults(parameter, given)
        filled[name] = int(given) if parameter["type"] == "integer" and not wrong else given
        return wrong
    return []


def faults(parameter: Parameter, value: Any) -> list[InputFault]:
    """Everything that keeps `value` from fitting a checked declaration."""
    wrong_type = _type_fault(parameter, value)
    return [wrong_type] if wrong_type else [*_rule_faults(parameter, value)]


def _type_fault(parameter: Parameter, value: Any) -> InputFault | None:
    name = parameter["name"]
    match parameter["type"]:
        case "string" if not isinstance(value, str):
            return InputFault("This must be text.", name)
        case "number" if not _is_number(value):
            return InputFault("This must be a number.", name)
        case "integer" if not _is_number(value) or value != int(value):
            return InputFault("This must be a whole number.", name)
        case "integer" if abs(value) > EXACT:
            return InputFault("This number is too large to be exact in JavaScript.", name)
        case "boolean" if not isinstance(value, bool):
            return InputFault("This must be true or false.", name)
        case "object" if not isinstance(value, dict):
            return InputFault("This must be a JSON object.", name)
        case "array" if not isinstance(value, list):
            return InputFault("This must be a JSON list.", name)
        case "date" if not is_date(value):
            return InputFault("This must be a date such as 2026-11-21.", name)
        case "enum" if not any(_same(value, option) for option in parameter["options"]):
            options = ", ".join(_text(option) for option in parameter["options"])
            return InputFault("Choose one of: %(options)s.", name, options=options)
    return None


def _rule_faults(parameter: Parameter, value: Any) -> Iterator[InputFault]:
    name = parameter["name"]
    if "min" in parameter and value < parameter["min"]:
        yield InputFault("This must be at least %(limit)s.", name, limit=parameter["min"])
    if "max" in parameter and value > parameter["max"]:
        yield InputFault("This must be at most %(limit)s.", name, limit=parameter["max"])
    if "min_length" in parameter and len(value) < parameter["min_length"]:
        yield InputFault("This is too short: %(limit)s or more.", name, limit=parameter["min_length"])
    if "max_length" in parameter and len(value) > parameter["max_length"]:
        yield InputFault("This is too long: %(limit)s or fewer.", name, limit=parameter["max_length"])
    if "pattern" in parameter and not patterns.fits(parameter["pattern"], value):
        yield InputFault("This must match the pattern %(pattern)s.", name, pattern=parameter["pattern"])
    if "schema" in parameter:
        yield from schemas.faults(parameter["schema"], value, name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _same(one: Any, other: Any) -> bool:
    """1 and true are equal to Python, to nobody else."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _text(option: Any) -> str:
    return option if isinstance(option, str) else json.dumps(option)
