"""Slots of the concurrency policy that this process keeps in hand from one run to the next, for moments.

A slot per run would be two questions to Redis per run, often longer than the run itself. So who ends leaves its place to
whoever comes next here; the steward gives back what lies idle, a few times a second, and no place stays longer than a
second, so that other processes get their turn.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID, uuid4

from flask import Flask
from redis import Redis

from services.calls import Call
from services.holders import holder
from services.per_process import have, this_app
from services.policies import concurrency

LONGEST_KEPT_S = 1.0


@dataclass(frozen=True)
class Place:
    tenant_id: UUID
    script_id: UUID
    name: str
    taken_at: float
    ends: float


class Places:
    """One a process."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._lock = threading.Lock()
        self._idle: dict[UUID, list[Place]] = defaultdict(list)  # by script

    def take(self, call: Call) -> Place | str:
        """A place, or whose are all taken: script or tenant."""
        now, ends = time.time(), concurrency.ends_of(call)
        with self._lock:
            idle = self._idle.get(call.script_id)
            if idle and idle[-1].taken_at + LONGEST_KEPT_S > now and idle[-1].ends >= ends:
                return idle.pop()
        place = Place(call.tenant_id, call.script_id, f"{holder()}/{uuid4().hex}", now, ends + LONGEST_KEPT_S)
        whose = concurrency.take_as(call, place.name, place.ends)
        return whose or place

    def give(self, place: Place, *, keep: bool) -> None:
        if keep and place.taken_at + LONGEST_KEPT_S > time.time():
            with self._lock:
                self._idle[place.script_id].append(place)
        else:
            self._free([place])

    def give_back(self) -> None:
        """What lies idle, for other processes."""
        with self._lock:
            idle, self._idle = self._idle, defaultdict(list)
        if idle:
            self._free([place for places in idle.values() for place in places])

    def _free(self, places: list[Place]) -> None:
        concurrency.free([(place.tenant_id, place.script_id, place.name) for place in places], self._redis)


def places() -> Places:
    return places_of(this_app())


def places_of(app: Flask) -> Places:
    return have(app, "places", lambda: Places(app.extensions["redis"]))
