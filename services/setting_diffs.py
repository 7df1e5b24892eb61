"""Two states of a script's settings, one by one: what a comparison lists beside the code, and a restore or import announces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# In the order people read them. Lists are compared by what names their items.
PLAIN = ("name", "description", "enabled", "tags")
TABLES = ("limits", "retention", "metadata")
TRIGGERS = {"schedules": "cron", "endpoints": "path", "subscriptions": "event_type"}


@dataclass(frozen=True, slots=True)
class SettingChange:
    """`area` is where (limits, parameters, schedules, …), `name` what; a side that has nothing is None.
    Of a parameter or trigger that changed, both sides hold only the members that differ."""

    area: str
    name: str
    before: Any
    after: Any

    @property
    def kind(self) -> str:
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def settings_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[SettingChange]:
    """Of the settings that both mention: name, description, enabled, tags, limits, retention, metadata, parameters, triggers."""
    return [*_changes(before, after)]


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[SettingChange]:
    for area in PLAIN:
        if area in before and area in after and before[area] != after[area]:
            yield SettingChange(area, "", before[area], after[area])
    for area in TABLES:
        if area in before and area in after:
            yield from _table(area, before[area] or {}, after[area] or {})
    if "parameters" in before and "parameters" in after:
        yield from _parameters(before["parameters"] or [], after["parameters"] or [])
    if "triggers" in before and "triggers" in after:
        for area in TRIGGERS:
            yield from _items(area, _named(area, before["triggers"] or {}), _named(area, after["triggers"] or {}))


def _table(area: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[SettingChange]:
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            yield SettingChange(area, key, before.get(key), after.get(key))


def _parameters(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[SettingChange]:
    old, new = ({each["name"]: each for each in parameters} for parameters in (before, after))
    yield from _items("parameters", {name: (name, each) for name, each in old.items()},
                      {name: (name, each) for name, each in new.items()})  # fmt: skip
    orders = [[name for name in side if name in old and name in new] for side in (old, new)]
    if orders[0] != orders[1]:
        yield SettingChange("parameters", "order", orders[0], orders[1])


def _named(area: str, triggers: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """By id, each with the name people know it by; a trigger without an id is itself."""
    return {
        str(each.get("id") or repr(each)): (
            str(each.get(TRIGGERS[area], "")),
            {k: v for k, v in each.items() if k != "id"},
        )
        for each in triggers.get(area, [])
    }


def _items(
    area: str, before: Mapping[str, tuple[str, dict[str, Any]]], after: Mapping[str, tuple[str, dict[str, Any]]]
) -> Iterator[SettingChange]:
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        name = (new or old or ("",))[0]
        if old is None or new is None:
            yield SettingChange(area, name, old and old[1], new and new[1])
        elif old[1] != new[1]:
            differing = [each for each in {**old[1], **new[1]} if old[1].get(each) != new[1].get(each)]
            yield SettingChange(
                area, name, {k: old[1].get(k) for k in differing}, {k: new[1].get(k) for k in differing}
            )
