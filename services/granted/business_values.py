"""Values between JavaScript and the business database, without silent loss. docs/business-database.md has the table.

One rule for every number: it arrives as a number when a JavaScript number holds exactly it, otherwise as text.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from runtime.errors import HostError
from services.granted.sql_guard import Guarded
from services.granted.sql_tenant import Slot, Tenant

MAX_SAFE_INTEGER = 2**53 - 1
MAX_PARAMETERS = 500
MAX_PARAMETER_BYTES = 1_000_000
_UNSAFE_TEXT = re.compile("[\x00\ud800-\udfff]")

Parameters = Sequence[Any] | Mapping[str, Any] | None


def invalid(message: str) -> HostError:
    return HostError("INVALID_INPUT", message, retryable=False)


def whole_number(value: int) -> int | str:
    return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value)


def decimal_number(text: str) -> float | int | str:
    """`12.50` is the number 12.5; 0.1234567890123456789 has no number of its own and stays text."""
    try:
        exact = Decimal(text)
    except ArithmeticError:
        return text
    if not exact.is_finite():
        return text
    if exact == exact.to_integral_value() and abs(exact) <= MAX_SAFE_INTEGER:
        return int(exact)
    near = float(exact)
    return near if math.isfinite(near) and Decimal(repr(near)) == exact else text


def float_number(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def as_bytes(value: bytes) -> dict[str, str]:
    return {"$bytes": base64.b64encode(value).decode()}


def json_value(text: str | bytes) -> Any:
    return json.loads(text, parse_int=lambda n: whole_number(int(n)), parse_float=decimal_number)


def bind(statement: Guarded, params: Parameters, tenant: Any) -> list[Any]:
    """The value of each numbered parameter, from what the author passed."""
    given = _given(params)
    wanted: list[Slot] = [slot for slot in statement.slots if not isinstance(slot, Tenant)]
    _compare(wanted, given, named=isinstance(params, Mapping))
    for slot in statement.own_tenant:
        if str(given[slot]) != str(tenant):
            raise HostError("DB_FORBIDDEN", "A row can only be added for your own tenant", retryable=False)
    own = set(statement.own_tenant)
    return [tenant if isinstance(slot, Tenant) or slot in own else given[slot] for slot in statement.slots]


def _given(params: Parameters) -> dict[Slot, Any]:
    if params is None:
        return {}
    if isinstance(params, Mapping) and "$bytes" not in params:
        given: dict[Slot, Any] = {str(name).removeprefix(":"): value for name, value in params.items()}
    elif isinstance(params, Sequence) and not isinstance(params, str):
        given = dict(enumerate(params, start=1))
    else:
        raise invalid("Pass parameters as an array (for ? and $1) or as an object (for :name)")
    if len(given) > MAX_PARAMETERS:
        raise invalid(f"At most {MAX_PARAMETERS} parameters")
    return {name: _taken(name, value) for name, value in given.items()}


def _compare(wanted: list[Slot], given: Mapping[Slot, Any], named: bool) -> None:
    if missing := [slot for slot in wanted if slot not in given]:
        raise invalid(f"No value for the parameter {_listed(missing)}")
    if extra := [slot for slot in given if slot not in wanted]:
        raise invalid(f"The statement does not use the parameter {_listed(extra)}")


def _listed(slots: list[Slot]) -> str:
    return ", ".join(f":{slot}" if isinstance(slot, str) else f"number {slot}" for slot in slots[:10])


def _taken(name: Slot, value: Any) -> Any:
    """A parameter as Python has it. Lists and objects are left to the database's own idea of them."""
    if isinstance(value, str):
        if _UNSAFE_TEXT.search(value):
            raise invalid(f"Parameter {_listed([name])} has characters no database stores (NUL, or half a character)")
        if len(value) > MAX_PARAMETER_BYTES:
            raise invalid(f"Parameter {_listed([name])} is longer than {MAX_PARAMETER_BYTES:,} characters")
        return value
    if isinstance(value, Mapping):
        return _bytes(name, value["$bytes"]) if set(value) == {"$bytes"} else value
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise invalid(f"Parameter {_listed([name])} is a number of more than 64 bits; pass it as text")
    if value is None or isinstance(value, (bool, int, float, list)):
        return value
    raise invalid(f"Parameter {_listed([name])} has no SQL value")


def _bytes(name: Slot, text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise invalid(f"Parameter {_listed([name])}: $bytes takes base64 text") from None


def refuse_same_names(columns: Sequence[str]) -> None:
    same = sorted({name for name in columns if columns.count(name) > 1})
    if same:
        raise invalid(f"Two columns of the result are called {', '.join(same)}: give them names of their own with AS")


def rough_size(value: Any) -> int:
    """About the bytes a value takes as JSON; to stop in time, not to bill."""
    if isinstance(value, str):
        return len(value) + 2
    return len(json.dumps(value)) if isinstance(value, (dict, list)) else 8
