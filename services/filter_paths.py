"""Where in an event a condition looks: `data.total`, `data.items[*].sku`, `data.items[0]`, `data["odd key"].x`."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from services.errors import Invalid

ROOTS = ("id", "type", "timestamp", "data")
MAX_LENGTH = 300
MAX_STEPS = 20

Quantifier = Literal["any", "every"]
Step = str | int | tuple[Quantifier]
Test = Callable[[Any], bool]
Reader = Callable[[Any, Test], bool]


class Missing:
    """What a condition sees where an event has nothing. Not null: null is something."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = Missing()

_STEP = re.compile(r'\.([^.\[\]"\s]+)|\[(\*|all|\d{1,9})\]|\[("(?:[^"\\]|\\["\\])*")\]')


_QUANTIFIERS: dict[str, Step] = {"*": ("any",), "all": ("every",)}


def parse(path: str, at: str = "path") -> tuple[Step, ...]:
    """The steps of a path, or Invalid; `at` is where it stands in its filter."""
    steps: list[Step] = []
    position, dotted = 0, "." + path
    while position < len(dotted):
        found = _STEP.match(dotted, position)
        if found is None:
            raise Invalid("The path at %(at)s must be written like data.items[*].price.", field="filter", at=at)
        steps.append(_step(*found.groups()))
        position = found.end()
    if steps[0] not in ROOTS:
        raise Invalid("The path at %(at)s must start with data, type, id or timestamp.", field="filter", at=at)
    if len(path) > MAX_LENGTH or len(steps) > MAX_STEPS:
        raise Invalid("The path at %(at)s is too long.", field="filter", at=at)
    return tuple(steps)


def _step(name: str | None, index: str | None, quoted: str | None) -> Step:
    if name is not None:
        return name
    if index is not None:
        return _QUANTIFIERS[index] if index in _QUANTIFIERS else int(index)
    return str(json.loads(quoted or '""', strict=False))


def reader(steps: tuple[Step, ...]) -> Reader:
    """A function that puts a test to what stands at the path, or to MISSING."""
    quantified = next((n for n, step in enumerate(steps) if isinstance(step, tuple)), None)
    if quantified is None:
        return _straight_reader(steps)
    before, rest = steps[:quantified], reader(steps[quantified + 1 :])
    combine = any if steps[quantified] == ("any",) else all

    def read(value: Any, test: Test) -> bool:
        items = walk(value, before)
        if not isinstance(items, list):
            return test(MISSING)
        return combine(rest(item, test) for item in items)

    return read


def _straight_reader(steps: tuple[Step, ...]) -> Reader:
    if any(isinstance(step, int) for step in steps):
        return lambda value, test: test(walk(value, steps))

    def read(value: Any, test: Test) -> bool:
        try:  # most paths are a few names: no question is quicker than none
            for step in steps:
                value = value[step]
        except (KeyError, TypeError):
            value = MISSING
        return test(value)

    return read


def walk(value: Any, steps: tuple[Step, ...]) -> Any:
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, Mapping) or step not in value:
                return MISSING
            value = value[step]
        else:
            if not isinstance(value, list) or not isinstance(step, int) or step >= len(value):
                return MISSING
            value = value[step]
    return value


def seen(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """Every value the path leads to, for people who ask what a condition saw."""
    quantified = next((n for n, step in enumerate(steps) if isinstance(step, tuple)), None)
    if quantified is None:
        yield walk(value, steps)
        return
    items = walk(value, steps[:quantified])
    if not isinstance(items, list):
        yield MISSING
        return
    for item in items:
        yield from seen(item, steps[quantified + 1 :])
