"""The triggers an import can make, change and remove, each kind through its own service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services import endpoint_checks, endpoints, event_types, filters, schedules, subscriptions, triggers
from services.cron.parse import parse
from services.identity import Principal

Facts = dict[str, Any]


@dataclass(frozen=True)
class Door:
    """`named_by` is what tells two triggers of a script apart; `check` refuses early what the service would refuse."""

    named_by: str
    listed: Callable[[Principal, UUID], list[Any]]
    facts: Callable[[Any], Facts]
    check: Callable[[Facts], object]
    create: Callable[[Principal, UUID, Facts], object]
    update: Callable[[Principal, UUID, Facts], object]
    delete: Callable[[Principal, UUID], object]


def _check_schedule(given: Facts) -> None:
    parse(str(given.get("cron", "")))
    if "timezone" in given:
        schedules.zone_named(given["timezone"])


def _check_subscription(given: Facts) -> None:
    event_types.check_pattern(given.get("event_type"))
    filters.check(given.get("filter"))


def _check_endpoint(given: Facts) -> None:
    for name, check in endpoint_checks.CHECKS.items():
        if name == "path" or name in given:
            check(given.get(name))
    options = endpoint_checks.options(given.get("options", {}))
    endpoint_checks.together(given.get("auth", "token"), options)


def _subscribe(actor: Principal, script_id: UUID, given: Facts) -> object:
    return subscriptions.create(actor, script_id, given.get("event_type"), given.get("filter"),
                                enabled=given.get("enabled", True), allow_self=given.get("allow_self", False))  # fmt: skip


DOORS: Mapping[str, Door] = {
    "schedules": Door(
        "cron", schedules.listed, triggers.schedule_facts, _check_schedule,
        lambda actor, script_id, given: schedules.create(actor, script_id, schedules.Changes(**given)),
        lambda actor, id_, given: schedules.update(actor, id_, schedules.Changes(**given)),
        schedules.delete,
    ),
    "endpoints": Door(
        "path", endpoints.listed, triggers.endpoint_facts, _check_endpoint,
        lambda actor, script_id, given: endpoints.create(actor, script_id, endpoints.Changes(**given)),
        lambda actor, id_, given: endpoints.update(actor, id_, endpoints.Changes(**given)),
        endpoints.delete,
    ),
    "subscriptions": Door(
        "event_type", subscriptions.listed, triggers.subscription_facts, _check_subscription,
        _subscribe, subscriptions.update, subscriptions.delete,
    ),
}  # fmt: skip


def reconcile(actor: Principal, script_id: UUID, wanted: Mapping[str, list[Facts]]) -> None:
    """The script's triggers become the wanted ones; those that are already so are left alone and keep their history."""
    for kind, door in DOORS.items():
        standing = {row.id: _bare(door.facts(row)) for row in door.listed(actor, script_id)}
        missing = [given for given in wanted[kind] if not _took(standing, given)]
        replaced = [(_like(standing, given[door.named_by], door), given) for given in missing]
        # First what goes: it may stand where something new is to come.
        for left_over in standing:
            door.delete(actor, left_over)
        for like, given in replaced:
            if like is None:
                door.create(actor, script_id, given)
            else:
                door.update(actor, like, given)


def _like(standing: dict[UUID, Facts], name: object, door: Door) -> UUID | None:
    """Takes the one that only has to change out of those standing."""
    like = next((id_ for id_, facts in standing.items() if facts[door.named_by] == name), None)
    if like is not None:
        del standing[like]
    return like


def _took(standing: dict[UUID, Facts], given: Facts) -> bool:
    """Takes the one that is already as it is wanted out of those standing."""
    same = next((id_ for id_, facts in standing.items() if {**facts, **given} == facts), None)
    return same is not None and standing.pop(same, None) is not None


def _bare(facts: Facts) -> Facts:
    return {key: value for key, value in facts.items() if key != "id"}
