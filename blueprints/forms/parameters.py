"""The fields of templates/parameters/_fields.html: what a run is given, and what a script declares."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from services.errors import Invalid
from services.parameters import RULES, FormInput, InputFault, from_form, parse_json, read

Errors = dict[str, list[str]]
_KEY = re.compile(r"parameters-(\d{1,4})-(\w+)")


def language() -> str:
    return str(get_locale() or "en")


def entered_input(parameters: list[dict[str, Any]], data: MultiDict[str, str]) -> FormInput:
    """The input form, read as the reader writes numbers."""
    return from_form(parameters, data, language())


def messages(faults: Iterable[InputFault]) -> Errors:
    """By the name of the parameter, in the reader's language."""
    said: Errors = {}
    for fault in faults:
        said.setdefault(fault.name, []).append(_(fault.message, **fault.params))
    return said


@dataclass
class DeclaredParameters:
    """`parameters` is for services.parameters.check_declarations when there are no errors; `rows` fill the editor again."""

    parameters: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    errors: Errors = field(default_factory=dict)

    def blame(self, error: Invalid) -> None:
        """Puts what a service refused beside the field it speaks of."""
        self.errors.setdefault(error.field, []).append(_(error.message, **error.params))


def declarations_from_form(data: MultiDict[str, str]) -> DeclaredParameters:
    """The rows of the editor in their order, without removed and empty ones."""
    declared = DeclaredParameters()
    for row in _rows(data):
        place = f"parameters[{len(declared.rows)}]"
        declared.rows.append(row)
        declared.parameters.append(_declaration(row, place, declared))
    return declared


def _rows(data: MultiDict[str, str]) -> list[dict[str, str]]:
    rows: dict[int, dict[str, str]] = {}
    for key, text in data.items():
        if found := _KEY.fullmatch(key):
            rows.setdefault(int(found[1]), {})[found[2]] = text.replace("\r\n", "\n")
    kept = [
        (_place(row, index), index) for index, row in rows.items() if not row.pop("remove", None) and _is_filled(row)
    ]
    return [rows[index] for _place_of, index in sorted(kept)]


def _place(row: dict[str, str], index: int) -> int:
    order = row.pop("order", "")
    return int(order) if re.fullmatch(r"\d{1,6}", order) else index + 1


def _is_filled(row: dict[str, str]) -> bool:
    return any(text.strip() for key, text in row.items() if key not in ("type", "order"))


def _declaration(row: dict[str, str], place: str, declared: DeclaredParameters) -> dict[str, Any]:
    """Only what goes with the type: the others are hidden, and may hold what was typed before the type was changed."""
    kind = row.get("type", "string")
    parameter: dict[str, Any] = {"name": row.get("name", "").strip(), "type": kind, "required": "required" in row}
    parameter["description"] = row.get("description", "").strip()
    for rule in (*RULES.get(kind, ()), "default"):
        text = row.get(rule, "")
        if not text.strip():
            continue
        value = _value(rule, text, parameter)
        if isinstance(value, InputFault):
            declared.errors[f"{place}.{rule}"] = messages([value])[""]
        else:
            parameter[rule] = value
    return parameter


def _value(rule: str, text: str, parameter: dict[str, Any]) -> Any:
    """An InputFault for what cannot be read."""
    if rule == "options":
        return [_option(line.strip()) for line in text.split("\n") if line.strip()]
    if rule == "pattern":
        return text.strip()
    kind = {"schema": "object", "min_length": "integer", "max_length": "integer"}.get(rule, parameter["type"])
    options = parameter.get("options", [])
    return read({"name": "", "type": kind, "options": options}, text.strip("\n"), language())


def _option(line: str) -> Any:
    """Numbers are numbers, and what stands in quotes is text."""
    try:
        value = parse_json(line)
    except ValueError:
        return line
    return line if isinstance(value, bool) or not isinstance(value, int | float | str) else value
