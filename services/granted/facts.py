"""What a run is, as far as granting goes, and the two ways in which it starts other runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

# Events and calls that lead from run to run: a circle of them ends here.
MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class RunFacts:
    execution_id: UUID
    tenant_id: UUID
    tenant_slug: str
    script_id: UUID
    script_name: str
    user_id: UUID | None
    permissions: frozenset[str]
    chain_depth: int
    attempt: int
    request_id: str
    deadline: float | None
    """On the clock of time.monotonic()."""
    limits: Mapping[str, Any]
    """The tenant's overrides."""


def whole(limits: Mapping[str, Any], name: str, default: int) -> int:
    """A limit of the tenant, where it is set to a sensible number."""
    value = limits.get(name, default)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default


@dataclass(frozen=True, slots=True)
class Doors:
    """Functions of services that start runs themselves, so nothing here can import them. None: there is no such way.

    They are called in an application context, bound to the run's tenant, and may raise ServiceError or HostError.
    """

    publish: Callable[[RunFacts, str, Any], UUID | str] | None = None
    """`(facts, type, data)` -> the id of the event."""
    run_script: Callable[[RunFacts, str, Any, float | None], Any] | None = None
    """`(facts, name, input, deadline)` -> what the script returned; the deadline is on the clock of time.monotonic()."""
