"""Filters of subscriptions: checked when saved, compiled once, explained when asked. Pure; see docs/events.md.

A filter is `{"all": […]}`, `{"any": […]}`, `{"not": …}` or a condition `{"path", "op", "value"}`. None lets everything pass.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from services import filter_paths, stored
from services.errors import Invalid
from services.filter_operators import OPERATORS
from services.filter_paths import MISSING

VERSION = 1
MAX_CONDITIONS = 100
MAX_DEPTH = 10
MAX_BYTES = 32 * 1024
MOST_SEEN = 20
# What a kept filter raises that this version cannot read.
UNREADABLE = (Invalid, LookupError, TypeError, ValueError, AttributeError, re2.error)

Filter = Mapping[str, Any]
Matcher = Callable[[Mapping[str, Any]], bool]


# ---- On saving. ----


def check(filter: Any) -> dict[str, Any] | None:
    """The filter as it may be kept, or Invalid that names the position. Nothing, and nothing but `{}`, is None."""
    if isinstance(filter, dict):
        filter = _of_this_version(filter)
    if filter is None or filter == {}:
        return None
    _check_size(filter)
    _check_node(filter, "", 1)
    return {"version": VERSION, **filter}


def shown(kept: Filter | None) -> dict[str, Any] | None:
    """A kept filter without its version, as programs and people write it."""
    return {key: value for key, value in kept.items() if key != "version"} if kept else None


def _of_this_version(filter: Filter) -> dict[str, Any]:
    if filter.get("version", VERSION) != VERSION:
        raise Invalid("This filter is of a version that is not known here.", field="filter")
    return shown(filter) or {}


def _check_size(filter: Any) -> None:
    try:
        text = json.dumps(filter, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise Invalid("The filter is not JSON.", field="filter") from None
    if not stored.is_storable(filter, text):
        raise Invalid("The filter is not JSON.", field="filter")
    if len(text.encode()) > MAX_BYTES:
        raise Invalid("A filter may have %(most)s characters at most.", field="filter", most=MAX_BYTES)
    if count(filter) > MAX_CONDITIONS:
        raise Invalid("A filter may have %(most)s conditions at most.", field="filter", most=MAX_CONDITIONS)


def count(node: Any) -> int:
    """How many conditions it has, well formed or not."""
    if not isinstance(node, dict):
        return 0
    lists = [inner for kind in ("all", "any") if isinstance(inner := node.get(kind), list)]
    return ("path" in node) + sum(count(child) for inner in lists for child in inner) + count(node.get("not"))


def _check_node(node: Any, at: str, depth: int) -> None:
    """`at` is where in the JSON, such as `all[1].any[0]`."""
    if depth > MAX_DEPTH:
        raise Invalid("Groups are nested too deeply at %(at)s.", field="filter", at=at)
    kinds = [kind for kind in ("all", "any", "not", "path") if kind in node] if isinstance(node, dict) else []
    if len(kinds) != 1:
        raise Invalid("At %(at)s there must be one of all, any, not and path.", field="filter", at=at or "$")
    if kinds == ["path"]:
        _check_condition(node, at)
    elif len(node) > 1:
        raise Invalid("A group has nothing beside it, but there is more at %(at)s.", field="filter", at=at or "$")
    elif kinds == ["not"]:
        _check_node(node["not"], _inside(at, "not"), depth + 1)
    else:
        _check_list(node[kinds[0]], _inside(at, kinds[0]), depth)


def _check_list(children: Any, at: str, depth: int) -> None:
    if not isinstance(children, list):
        raise Invalid("The value at %(at)s must be a list.", field="filter", at=at)
    if not children and at != "all":
        raise Invalid("At %(at)s at least one condition is needed.", field="filter", at=at)
    for number, child in enumerate(children):
        _check_node(child, f"{at}[{number}]", depth + 1)


def _check_condition(node: dict[str, Any], at: str) -> None:
    if unknown := sorted(set(node) - {"path", "op", "value"}):
        raise Invalid("A condition has path, op and value, but no %(at)s.", field="filter",
                      at=_inside(at, unknown[0][:50]))  # fmt: skip
    if not isinstance(node["path"], str):
        raise Invalid("The value at %(at)s must be text.", field="filter", at=_inside(at, "path"))
    filter_paths.parse(node["path"], _inside(at, "path"))
    operator = OPERATORS.get(node["op"]) if isinstance(node.get("op"), str) else None
    if operator is None:
        raise Invalid("There is no such operator at %(at)s.", field="filter", at=_inside(at, "op"))
    if "value" not in node and operator.takes_value:
        raise Invalid("A value is missing at %(at)s.", field="filter", at=_inside(at, "value"))
    operator.check(node.get("value", True), _inside(at, "value"))


def _inside(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


# ---- On each event. ----


def compile(filter: Filter | None) -> Matcher:
    """A checked filter as a function of the event. Equal filters share one."""
    return _compiled(json.dumps(filter, sort_keys=True, ensure_ascii=False))


@lru_cache(maxsize=10_000)
def _compiled(content: str) -> Matcher:
    filter = json.loads(content)
    return _matcher(_readable(filter))


def _readable(kept: Filter | None) -> Filter:
    """No filter is one that lets everything pass. Raises one of UNREADABLE for what another version kept."""
    return (_of_this_version(kept) if kept else None) or {"all": []}


def _matcher(node: Filter) -> Matcher:
    if "path" in node:
        return _condition(node)
    if "not" in node:
        inner = _matcher(node["not"])
        return lambda event: not inner(event)
    kind = "any" if "any" in node else "all"
    return _first_of(tuple(map(_matcher, node[kind])), holds=kind == "any")


def _first_of(children: tuple[Matcher, ...], holds: bool) -> Matcher:
    """The first child that decides the group decides it. A plain loop: any() and all() take twice as long."""
    if len(children) == 1:
        return children[0]

    def matcher(event: Mapping[str, Any]) -> bool:
        for child in children:
            if child(event) is holds:
                return holds
        return not holds

    return matcher


def _condition(node: Filter) -> Matcher:
    read = filter_paths.reader(filter_paths.parse(node["path"]))
    test = OPERATORS[node["op"]].test(node.get("value", True))
    return lambda event: read(event, test)


# ---- For people. ----


@dataclass(frozen=True)
class Verdict:
    """What became of one part of a filter. `at` is its place in the JSON."""

    kind: str  # all, any, not, condition
    at: str
    holds: bool
    needed: bool = True  # false where a neighbour under "any" already held
    children: tuple["Verdict", ...] = ()
    path: str = ""
    op: str = ""
    value: Any = None
    seen: tuple[Any, ...] = ()
    more: int = 0  # values beyond the ones kept in `seen`

    @property
    def missing(self) -> bool:
        """The event has nothing there."""
        return self.kind == "condition" and (not self.seen or all(value is MISSING for value in self.seen))


def explain(filter: Filter | None, event: Mapping[str, Any]) -> Verdict:
    return _verdict(_readable(filter), event, "")


def _verdict(node: Filter, event: Mapping[str, Any], at: str) -> Verdict:
    if "path" in node:
        return _condition_verdict(node, event, at)
    if "not" in node:
        inner = _verdict(node["not"], event, _inside(at, "not"))
        return Verdict("not", at, not inner.holds, children=(inner,))
    kind = "any" if "any" in node else "all"
    children = [_verdict(child, event, f"{_inside(at, kind)}[{n}]") for n, child in enumerate(node[kind])]
    holds = (any if kind == "any" else all)(child.holds for child in children)
    if kind == "any" and holds:
        children = [child if child.holds else _unneeded(child) for child in children]
    return Verdict(kind, at, holds, children=tuple(children))


def _unneeded(verdict: Verdict) -> Verdict:
    return Verdict(**{**vars(verdict), "needed": False})


def _condition_verdict(node: Filter, event: Mapping[str, Any], at: str) -> Verdict:
    values = list(filter_paths.seen(event, filter_paths.parse(node["path"])))
    return Verdict(
        "condition", at, _condition(node)(event), path=node["path"], op=node["op"], value=node.get("value", True),
        seen=tuple(values[:MOST_SEEN]), more=max(0, len(values) - MOST_SEEN),
    )  # fmt: skip
