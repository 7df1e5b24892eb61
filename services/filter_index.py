"""Which of many subscriptions an event concerns: found by its type, then asked by their filters. Pure."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services import filters
from services.filters import Matcher

log = logging.getLogger(__name__)

EVERYTHING = "*"
REST = ".*"
OWN = "dastgoh."  # the workbench's own events, which only those get who name them


@dataclass(frozen=True)
class Entry:
    subscription_id: UUID
    script_id: UUID
    allow_self: bool
    matcher: Matcher | None  # None where the kept filter cannot be read any more


@dataclass(frozen=True)
class Matches:
    matched: list[Entry]
    filtered: int
    unreadable: list[Entry]  # their filter could not be evaluated on this event


class SubscriptionIndex:
    """An `order.created` concerns `order.created`, `order.*` and `*`."""

    def __init__(self, subscriptions: Iterable[Any]) -> None:
        self._by_type: dict[str, list[Entry]] = defaultdict(list)
        for row in subscriptions:
            self._by_type[row.event_type].append(
                Entry(row.id, row.script_id, row.allow_self, _matcher(row.filter, row.id))
            )

    def matching(self, event: Mapping[str, Any]) -> Matches:
        verdicts = [(entry, _ask(entry, event)) for entry in self.candidates(event["type"])]
        return Matches(
            matched=[entry for entry, holds in verdicts if holds],
            filtered=sum(holds is False for _, holds in verdicts),
            unreadable=[entry for entry, holds in verdicts if holds is None],
        )

    def candidates(self, event_type: str) -> Iterator[Entry]:
        for pattern in patterns(event_type):
            yield from self._by_type.get(pattern, ())


def patterns(event_type: str) -> list[str]:
    """Every subscription type that an event of this type concerns."""
    parts = event_type.split(".")
    named = [event_type, *(".".join(parts[:n]) + REST for n in range(1, len(parts)))]
    return named if event_type.startswith(OWN) else [*named, EVERYTHING]


def covers(pattern: str, event_type: str) -> bool:
    return pattern in patterns(event_type)


def _matcher(filter: Mapping[str, Any] | None, subscription_id: UUID) -> Matcher | None:
    try:
        return filters.compile(filter)
    except filters.UNREADABLE:
        log.exception("the filter of subscription %s cannot be read", subscription_id)
        return None


def _ask(entry: Entry, event: Mapping[str, Any]) -> bool | None:
    """None where the filter cannot be evaluated: one bad subscription must not keep the others from their event."""
    if entry.matcher is None:
        return None
    try:
        return entry.matcher(event)
    except Exception:
        log.exception("the filter of subscription %s cannot be evaluated", entry.subscription_id)
        return None
