"""From what somebody typed into the input form to JSON. What cannot be read comes back as it was typed, with the reason."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from babel.numbers import NumberFormatError, parse_decimal

from services.parameters.faults import InputFault
from services.parameters.values import Parameter, faults

PREFIX = "input."  # of a parameter's field: input.region
MODE, RAW = "input_mode", "input_json"


class FormData(Protocol):
    def get(self, key: str, /) -> str | None: ...
    def getlist(self, key: str, /) -> list[str]: ...


@dataclass
class FormInput:
    """`value` is good when there are no faults; `texts` and `raw` fill the form again as it was."""

    value: Any = None
    faults: list[InputFault] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    mode: str = "form"  # or json
    raw: str = ""


def from_form(parameters: list[Parameter], data: FormData, locale: str = "en") -> FormInput:
    """Reads the form of templates/parameters/_fields.html, in the mode that was chosen there."""
    texts = {each["name"]: _text_of(each["name"], data) for each in parameters}
    mode = "json" if not parameters or data.get(MODE) == "json" else "form"
    entered = FormInput(texts=texts, mode=mode, raw=data.get(RAW) or "")
    if mode == "json":
        _read_raw(entered)
    else:
        _read_fields(entered, parameters, locale)
    return entered


def _text_of(name: str, data: FormData) -> str:
    """A box that is not checked sends only the hidden field before it; a checked one sends both."""
    sent = data.getlist(PREFIX + name)
    return sent[-1] if sent else ""


def _read_raw(entered: FormInput) -> None:
    if not entered.raw.strip():
        return
    try:
        entered.value = parse_json(entered.raw)
    except ValueError as error:
        entered.faults.append(_json_fault(error, ""))


def _read_fields(entered: FormInput, parameters: list[Parameter], locale: str) -> None:
    entered.value = {}
    for parameter in parameters:
        name, text = parameter["name"], entered.texts[parameter["name"]]
        if not text.strip() and not (parameter["type"] == "string" and text):
            continue
        value = read(parameter, text, locale)
        if isinstance(value, InputFault):
            entered.faults.append(value)
        else:
            entered.value[name] = value
            entered.faults += faults(parameter, value)
    blamed = {fault.name for fault in entered.faults}
    entered.faults += [
        InputFault("This field is required.", each["name"])
        for each in parameters
        if _must_be_given(each) and each["name"] not in entered.value and each["name"] not in blamed
    ]


def _must_be_given(parameter: Parameter) -> bool:
    return bool(parameter.get("required")) and "default" not in parameter


def read(parameter: Parameter, text: str, locale: str) -> Any:
    """The value somebody meant, or an InputFault."""
    return _READERS.get(parameter["type"], _as_text)(parameter, text, locale)


def _as_text(_parameter: Parameter, text: str, _locale: str) -> str:
    return text.replace("\r\n", "\n")  # browsers send CRLF; authors expect what they see


def _as_date(_parameter: Parameter, text: str, _locale: str) -> str:
    return text.strip()


def _as_number(parameter: Parameter, text: str, locale: str) -> Any:
    """“1.5” everywhere, and “1 234,5” where it is written so."""
    bare = "".join(text.split())  # spaces of every kind part thousands
    try:
        number = Decimal(bare)
    except InvalidOperation:
        try:
            number = parse_decimal(bare, locale, strict=True)
        except NumberFormatError:
            return InputFault("This must be a number.", parameter["name"])
    if not number.is_finite() or abs(number.adjusted()) > 308:
        return InputFault("This must be a number.", parameter["name"])
    return int(number) if number == number.to_integral_value() and abs(number) < 10**18 else float(number)


def _as_boolean(parameter: Parameter, text: str, _locale: str) -> Any:
    known = {"true": True, "false": False}
    return known.get(text.strip(), InputFault("This must be true or false.", parameter["name"]))


def _as_json(parameter: Parameter, text: str, _locale: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        return _json_fault(error, parameter["name"])


def _as_option(parameter: Parameter, text: str, _locale: str) -> Any:
    return next((option for option in parameter["options"] if str(option) == text), text)


def parse_json(text: str) -> Any:
    """JSON and nothing more: Python alone would take NaN and Infinity as well. Raises ValueError."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _json_fault(error: ValueError, name: str) -> InputFault:
    if isinstance(error, json.JSONDecodeError):
        return InputFault("This is not JSON: see line %(line)s, column %(column)s.", name, line=error.lineno,
                          column=error.colno)  # fmt: skip
    return InputFault("This is not JSON.", name)


_READERS: dict[str, Callable[[Parameter, str, str], Any]] = {
    "number": _as_number, "integer": _as_number, "boolean": _as_boolean, "object": _as_json, "array": _as_json,
    "date": _as_date, "enum": _as_option,
}  # fmt: skip
