"""The filter builder's form: groups and conditions as fields named by their place, and the filter they stand for.

`n` is the outermost group, `n.0` its first line, `n.0.1` the second line of a group that stands there. What people type as a
value is read as JSON where it is JSON (a number, true, null, "text in quotes") and as text where it is not.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

ROOT = "n"
MOST_LINES = 100
MOST_DEPTH = 10

KINDS = {"all": _l("AND"), "any": _l("OR"), "not": _l("NOT")}
KIND_HINTS = {"all": _l("every line must hold"), "any": _l("one line is enough"), "not": _l("no line may hold")}
OPERATORS = {
    "eq": _l("is"),
    "ne": _l("is not"),
    "gt": _l("is more than"),
    "gte": _l("is at least"),
    "lt": _l("is less than"),
    "lte": _l("is at most"),
    "between": _l("is between"),
    "in": _l("is one of"),
    "not_in": _l("is none of"),
    "contains": _l("contains"),
    "starts_with": _l("starts with"),
    "ends_with": _l("ends with"),
    "matches": _l("matches the pattern"),
    "exists": _l("is there"),
    "empty": _l("is empty"),
}
YES_NO = ("exists", "empty")
LISTS = ("in", "not_in", "between")
_MEMBERS = ("path", "op", "value")
TEXTS = ("starts_with", "ends_with", "matches")
# Steps of a place in the JSON that are lines of the builder; the `any` of a NOT with several lines is no line of its own.
_LINE = re.compile(r"(?:all|any)\[(\d+)\]|\bnot\b(?!\.any\[)")


@dataclass
class Condition:
    path: str = "data."
    op: str = "eq"
    value: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"path": self.path.strip(), "op": self.op, "value": value_of(self.op, self.value)}


@dataclass
class Group:
    kind: str = "all"
    lines: list["Group | Condition"] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        lines = [line.as_json() for line in self.lines]
        if self.kind == "not":
            return {"not": lines[0] if len(lines) == 1 else {"any": lines}}
        return {self.kind: lines}


def read(form: Mapping[str, str], name: str = ROOT, depth: int = 1) -> Group:
    group = Group(form.get(f"{name}.kind", "all"))
    if group.kind not in KINDS:
        group.kind = "all"
    for number in range(MOST_LINES):
        line = f"{name}.{number}"
        if f"{line}.path" in form:
            value = form.get(f"{line}.value", "")
            group.lines.append(Condition(form[f"{line}.path"], form.get(f"{line}.op", "eq"), value))
        elif f"{line}.kind" in form and depth < MOST_DEPTH:
            group.lines.append(read(form, line, depth + 1))
    return group


def filter_of(group: Group) -> dict[str, Any] | None:
    """None where nothing is asked: every event passes."""
    return group.as_json() if group.lines else None


def group_of(filter: Mapping[str, Any] | None) -> Group:
    """The builder's view of a filter."""
    if not filter:
        return Group()
    line = _line_of(filter)
    return line if isinstance(line, Group) else Group("all", [line])


def _line_of(node: Mapping[str, Any]) -> Group | Condition:
    if "path" in node:
        return Condition(node["path"], node["op"], text_of(node["op"], node.get("value", True)))
    if "not" in node:
        inner = _line_of(node["not"])
        return Group("not", inner.lines if isinstance(inner, Group) and inner.kind == "any" else [inner])
    kind = "any" if "any" in node else "all"
    return Group(kind, [_line_of(child) for child in node[kind]])


def sketch_of(given: Any) -> Group | None:
    """The builder's view of what is no filter yet; None where showing it there would lose something."""
    try:
        group = group_of(given)
        return group if filter_of(group) == given and _is_known(group) else None
    except (KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_known(line: Group | Condition) -> bool:
    return line.op in OPERATORS if isinstance(line, Condition) else all(_is_known(inner) for inner in line.lines)


def field_at(at: str) -> str:
    """The builder's field for a place in the JSON: `n.1.0.value` for `all[1].any[0].value`."""
    places = [found[1] or "0" for found in _LINE.finditer(at)]
    return ".".join([ROOT, *places, at.rpartition(".")[2].partition("[")[0]])


def line_at(at: str) -> str:
    """The line for a place in the JSON, as the builder numbers it: condition 2.1 for `all[1].any[0].value`."""
    *places, name = field_at(at).split(".")[1:]
    number = ".".join(str(int(place) + 1) for place in places)
    if not number:
        return at
    return _("condition %(number)s", number=number) if name in _MEMBERS else _("group %(number)s", number=number)


def written(filter: Mapping[str, Any] | None, margin: str = "") -> str:
    """A filter as JSON that people can read: a condition a line."""
    if not filter:
        return ""
    kind = next((name for name in ("all", "any", "not") if name in filter), "")
    inner = filter.get(kind)
    if isinstance(inner, list) and inner:
        lines = [f"{margin}  {written(child, margin + '  ')}" for child in inner]
        return f'{{ "{kind}": [\n' + ",\n".join(lines) + f"\n{margin}] }}"
    if isinstance(inner, dict):
        return f'{{ "{kind}": {written(inner, margin)} }}'
    members = (f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in filter.items())
    return f"{{ {', '.join(members)} }}"


def change(group: Group, deed: str) -> None:
    """What a button of the builder asks for: `condition n.1`, `group n`, `remove n.0.2`, `any n.1`."""
    verb, _, name = deed.partition(" ")
    steps = name.split(".")[1:]
    if not all(step.isdecimal() and len(step) < 4 for step in steps):
        return
    places = [int(step) for step in steps]
    if verb == "remove" and places:
        parent = _at(group, places[:-1])
        if parent and places[-1] < len(parent.lines):
            del parent.lines[places[-1]]
    elif target := _at(group, places):
        if verb in KINDS:
            target.kind = verb
        elif verb == "condition":
            target.lines.append(Condition())
        elif verb == "group":
            target.lines.append(Group("any" if target.kind == "all" else "all", [Condition()]))


def _at(group: Group, places: Sequence[int]) -> Group | None:
    for place in places:
        line = group.lines[place] if place < len(group.lines) else None
        if not isinstance(line, Group):
            return None
        group = line
    return group


def value_of(op: str, text: str) -> Any:
    if op in YES_NO:
        return text != "false"
    if op in TEXTS:
        return text
    if op in LISTS:
        whole = _json(text)
        return whole if isinstance(whole, list) else [_scalar(part) for part in _parts(text)]
    return _scalar(text)


def text_of(op: str, value: Any) -> str:
    """What to show so that reading it gives the value back."""
    if op in YES_NO:
        return "true" if value else "false"
    if op in LISTS and isinstance(value, list):
        texts = [_shown(part) for part in value]
        plain = all("," not in text and text for text in texts)
        return ", ".join(texts) if plain else json.dumps(value, ensure_ascii=False)
    return value if op in TEXTS and isinstance(value, str) else _shown(value)


def _scalar(text: str) -> Any:
    value = _json(text.strip())
    return text.strip() if value is _NO_JSON else value


def _shown(value: Any) -> str:
    if isinstance(value, str) and value == value.strip() and _json(value) is _NO_JSON:
        return value
    return json.dumps(value, ensure_ascii=False)


def _parts(text: str) -> list[str]:
    return [part for part in text.split(",") if part.strip()]


_NO_JSON = object()


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _NO_JSON


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
