"""What differs between two versions besides the code: limits, parameters and triggers, one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.limits import BOUNDS

# What a person recognises a trigger by.
_NAMED_BY = {"schedules": "cron", "endpoints": "path", "subscriptions": "event_type"}


class Snapshot(Protocol):
    limits: Any
    parameters: Any
    triggers: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind` is limits, parameters, schedules, endpoints or subscriptions; None on a side: it is not there."""

    kind: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Differences:
    differing: list[Difference]
    same: int


def between(old: Snapshot, new: Snapshot) -> Differences:
    pairs = [*_limits(old.limits, new.limits), *_parameters(old.parameters, new.parameters)]
    for kind, named_by in _NAMED_BY.items():
        pairs += _triggers(kind, named_by, old.triggers.get(kind, []), new.triggers.get(kind, []))
    differing = [pair for pair in pairs if pair.before != pair.after]
    return Differences(differing, len(pairs) - len(differing))


def _limits(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    return [Difference("limits", name, old.get(name), new.get(name)) for name in BOUNDS]


def _parameters(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Difference]:
    before, after = ({each["name"]: each for each in side} for side in (old, new))
    return [Difference("parameters", name, before.get(name), after.get(name)) for name in before | after]


def _triggers(
    kind: str, named_by: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> list[Difference]:
    before, after = ({each["id"]: each for each in side} for side in (old, new))
    return [
        Difference(kind, str((after.get(key) or before[key])[named_by]), before.get(key), after.get(key))
        for key in before | after
    ]
