"""What a condition may ask of a value. Types are never bent: `"5"` is no number, `1` is not `true`, `null` is not nothing.

Dates are text: ISO 8601 in one zone and one precision sorts as it reads, and is compared that way, by code point.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import re2

from services.errors import Invalid
from services.filter_paths import MISSING, Test

MAX_TEXT = 2_000
MAX_CHOICES = 1_000
MAX_PATTERN = 500
# RE2 answers in time proportional to the text, whatever the pattern; this bounds what a compiled one may hold.
PATTERN_MEMORY = 1 << 20
_NUMBERS = (int, float)  # exactly: a bool is an int to Python


@dataclass(frozen=True)
class Operator:
    check: Callable[[Any, str], None]
    """Raises Invalid for a value it cannot ask about; the second argument is where that value stands."""
    test: Callable[[Any], Test]
    takes_value: bool = True


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: 1 is 1.0, and no true."""
    if type(left) in _NUMBERS:
        return type(right) in _NUMBERS and bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def is_number(value: Any) -> bool:
    return type(value) in _NUMBERS


def is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _key(value: Any) -> tuple[bool, Any]:
    """Python takes True for 1; JSON does not."""
    return isinstance(value, bool), value


# ---- What a condition's own value must be. ----


def _anything(value: Any, at: str) -> None:
    if isinstance(value, str):
        _text(value, at)


def _text(value: Any, at: str) -> None:
    if not isinstance(value, str):
        raise Invalid("The value at %(at)s must be text.", field="filter", at=at)
    if len(value) > MAX_TEXT:
        raise Invalid("The text at %(at)s is too long.", field="filter", at=at)


def _ordered(value: Any, at: str) -> None:
    if not is_number(value) and not isinstance(value, str):
        raise Invalid("The value at %(at)s must be a number or text.", field="filter", at=at)
    _anything(value, at)


def _flag(value: Any, at: str) -> None:
    if not isinstance(value, bool):
        raise Invalid("The value at %(at)s must be true or false.", field="filter", at=at)


def _choices(value: Any, at: str) -> None:
    if not isinstance(value, list) or not value:
        raise Invalid("The value at %(at)s must be a list.", field="filter", at=at)
    if len(value) > MAX_CHOICES:
        raise Invalid("The list at %(at)s is too long.", field="filter", at=at)
    for number, choice in enumerate(value):
        if not is_scalar(choice):
            raise Invalid("The value at %(at)s must not be a list or an object.", field="filter", at=f"{at}[{number}]")
        _anything(choice, f"{at}[{number}]")


def _bounds(value: Any, at: str) -> None:
    if not isinstance(value, list) or len(value) != 2:
        raise Invalid("The value at %(at)s must be a list of two: from and to.", field="filter", at=at)
    for number, bound in enumerate(value):
        _ordered(bound, f"{at}[{number}]")
    if is_number(value[0]) is not is_number(value[1]):
        raise Invalid("From and to at %(at)s must both be numbers or both be text.", field="filter", at=at)
    if value[0] > value[1]:
        raise Invalid("From must not be above to at %(at)s.", field="filter", at=at)


def _pattern(value: Any, at: str) -> None:
    _text(value, at)
    if not 0 < len(value) <= MAX_PATTERN:
        raise Invalid(
            "The pattern at %(at)s must have 1 to %(most)s characters.", field="filter", at=at, most=MAX_PATTERN
        )
    try:
        _compiled(value)
    except re2.error:
        raise Invalid(
            "The pattern at %(at)s is not one that RE2 reads; it has no look-around and no back-references.",
            field="filter", at=at,
        ) from None  # fmt: skip


# ---- What it then asks. ----


def _equal(wanted: Any) -> Test:
    if isinstance(wanted, str):
        return lambda value: bool(value == wanted)
    return lambda value: same(value, wanted)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def test(bound: Any) -> Test:
        kinds = _NUMBERS if is_number(bound) else (str,)
        return lambda value: type(value) in kinds and compare(value, bound)

    return test


def _within(bounds: Any) -> Test:
    low, high = _compared(operator.ge)(bounds[0]), _compared(operator.le)(bounds[1])
    return lambda value: low(value) and high(value)


def _one_of(choices: Any) -> Test:
    keys = frozenset(map(_key, choices))
    return lambda value: is_scalar(value) and _key(value) in keys


def _contains(wanted: Any) -> Test:
    def test(value: Any) -> bool:
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted in value
        return isinstance(value, list) and any(same(item, wanted) for item in value)

    return test


def _starting(wanted: Any) -> Test:
    return lambda value: isinstance(value, str) and value.startswith(wanted)


def _ending(wanted: Any) -> Test:
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def _matching(pattern: Any) -> Test:
    search = _compiled(pattern).search
    # RE2 reads UTF-8, which has no lone surrogates.
    return lambda value: isinstance(value, str) and search(value.encode("utf-8", "replace").decode()) is not None


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors, options.max_mem = False, PATTERN_MEMORY
    try:
        return re2.compile(pattern, options)
    except UnicodeError:
        raise re2.error("not Unicode") from None


def _existing(wanted: Any) -> Test:
    return lambda value: (value is not MISSING) is wanted


def _empty(wanted: Any) -> Test:
    def test(value: Any) -> bool:
        return (value is MISSING or value is None or (isinstance(value, str | list | dict) and not value)) is wanted

    return test


def _not(test_of: Callable[[Any], Test]) -> Callable[[Any], Test]:
    def test(wanted: Any) -> Test:
        holds = test_of(wanted)
        return lambda value: not holds(value)

    return test


OPERATORS: dict[str, Operator] = {
    "eq": Operator(_anything, _equal),
    "ne": Operator(_anything, _not(_equal)),
    "gt": Operator(_ordered, _compared(operator.gt)),
    "gte": Operator(_ordered, _compared(operator.ge)),
    "lt": Operator(_ordered, _compared(operator.lt)),
    "lte": Operator(_ordered, _compared(operator.le)),
    "between": Operator(_bounds, _within),
    "in": Operator(_choices, _one_of),
    "not_in": Operator(_choices, _not(_one_of)),
    "contains": Operator(_anything, _contains),
    "starts_with": Operator(_text, _starting),
    "ends_with": Operator(_text, _ending),
    "matches": Operator(_pattern, _matching),
    "exists": Operator(_flag, _existing, takes_value=False),
    "empty": Operator(_flag, _empty, takes_value=False),
}
