"""What a route of the API asks for, takes and gives, said once beside it: requests are checked by it, and the OpenAPI
document is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import current_app, request
from flask_babel import LazyString

from services.errors import Invalid

Schema = Mapping[str, Any]
View = TypeVar("View", bound=Callable[..., Any])

MOST_PER_PAGE = 200
_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
    "null": type(None),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A parameter of the address."""

    name: str
    schema: Schema
    text: LazyString


@dataclass(frozen=True)
class Contract:
    says: LazyString
    """What it does, in a sentence. The docstring of the view tells the rest, for those who read the document."""
    gives: Mapping[int, Schema | None]
    """The good answers: their status and what their body looks like."""
    takes: Schema | None = None
    """The object in the request's body. Without required members, no body is as good as an empty one."""
    asks: tuple[Asked, ...] = ()
    refuses: tuple[int, ...] = ()
    """Statuses beyond those that follow from the rest."""
    also_needs: tuple[str, ...] = ()
    """Permissions beyond that of the route, which what it calls asks for."""
    tagged: bool = False
    """Answers carry an ETag."""
    conditional: bool = False
    """If-Match is honoured."""
    headers: tuple[str, ...] = field(default=())
    """Names of other headers that good answers carry."""


def contract(says: LazyString, gives: Mapping[int, Schema | None], **said: Any) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        view.contract = Contract(says, gives, **said)  # type: ignore[attr-defined]
        return view

    return decorate


def of_request() -> Contract:
    return cast(Any, current_app.view_functions[request.endpoint or ""]).contract  # as any view of the API has


def check_members(given: Mapping[str, Any], takes: Schema) -> None:
    """All of them known, none missing, each of its type. What a value means is for services to judge."""
    properties: Mapping[str, Schema] = takes["properties"]
    for name, value in given.items():
        if name not in properties:
            raise Invalid("There is no member “%(name)s” here.", field=name[:100], name=name[:100])
        if not is_of(value, properties[name]):
            raise Invalid("“%(name)s” has the wrong type.", field=name, name=name)
    for name in takes.get("required", ()):
        if name not in given:
            raise Invalid("The member “%(name)s” is missing.", field=name, name=name)


def is_of(value: Any, schema: Schema) -> bool:
    """Is it of one of the schema's types, and one of its choices? JSON's true is no number."""
    if "anyOf" in schema:
        return any(is_of(value, choice) for choice in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    wanted = schema.get("type")
    if wanted is None:
        return True
    kinds = [wanted] if isinstance(wanted, str) else wanted
    return any(isinstance(value, _KINDS[kind]) and isinstance(value, bool) <= (kind == "boolean") for kind in kinds)


def read(asked: Asked) -> Any:
    """The parameter's value in this request, or None."""
    values = request.args.getlist(asked.name)
    if not values:
        return asked.schema.get("default")
    try:
        if len(values) > 1:
            raise ValueError("said twice")
        return _parsed(values[0], asked.schema)
    except (ValueError, OverflowError):
        raise _refusal(asked.name, asked.schema) from None


def _refusal(name: str, schema: Schema) -> Invalid:
    if schema["type"] == "integer":
        bounds = {"low": schema["minimum"], "high": schema["maximum"]}
        return Invalid("This must be a whole number from %(low)s to %(high)s.", field=name, **bounds)
    if schema.get("format") == "date-time":
        return Invalid("This must be a time with its zone, such as 2026-12-31T23:00:00+05:00.", field=name)
    if "enum" in schema:
        return Invalid("“%(name)s” is one of: %(known)s.", field=name, name=name, known=", ".join(schema["enum"]))
    return Invalid("“%(name)s” is not what it must be.", field=name, name=name)


def _parsed(text: str, schema: Schema) -> Any:
    if schema["type"] == "integer":
        return _whole(text, schema)
    if schema.get("format") == "uuid":
        return UUID(text) if len(text) == 36 else _wrong()
    if schema.get("format") == "date-time":
        return _instant(text)
    return text if text in schema.get("enum", (text,)) and len(text) <= schema.get("maxLength", len(text)) else _wrong()


def _whole(text: str, schema: Schema) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        _wrong()
    return int(text) if schema["minimum"] <= int(text) <= schema["maximum"] else _wrong()


def _instant(text: str) -> datetime:
    """With its zone; the plus sign of one that was not escaped in an address arrives as a space."""
    instant = datetime.fromisoformat(text.replace(" ", "+"))
    return instant if instant.tzinfo and 1970 <= instant.year < 3000 else _wrong()


def _wrong() -> Any:
    raise ValueError("does not fit")
