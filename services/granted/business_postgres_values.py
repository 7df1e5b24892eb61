"""Values between PostgreSQL and scripts; docs/business-database.md has the table."""

import json
from collections.abc import Callable
from typing import Any

from psycopg.adapt import Loader

from services.granted.business_values import as_bytes, decimal_number, float_number, invalid, json_value, whole_number


def _loader(convert: Callable[[str], Any]) -> type[Loader]:
    class Converted(Loader):
        def load(self, data: Any) -> Any:
            return convert(bytes(data).decode())

    return Converted


def _moment(text: str) -> str:
    """`2026-11-21 12:30:00.5+00` as ISO 8601: 2026-11-21T12:30:00.5Z."""
    return text.replace(" ", "T", 1).replace("+00", "Z") if text[:1].isdigit() else text


def _bytea(text: str) -> dict[str, str]:
    return as_bytes(bytes.fromhex(text.removeprefix("\\x")))


# Every type not named here comes as the text PostgreSQL shows.
LOADERS: dict[type[Loader], tuple[str, ...]] = {
    _loader(lambda text: whole_number(int(text))): ("int2", "int4", "int8", "oid"),
    _loader(decimal_number): ("numeric",),
    _loader(lambda text: float_number(float(text))): ("float4", "float8"),
    _loader(lambda text: text == "t"): ("bool",),
    _loader(_moment): ("timestamp", "timestamptz"),
    _loader(_bytea): ("bytea",),
    _loader(json_value): ("json", "jsonb"),
    _loader(str): ("date", "time", "timetz", "interval", "uuid", "inet", "cidr", "text", "varchar", "bpchar", "name"),
}


def parameter(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    return _array(value) if isinstance(value, list) else value


def _array(items: list[Any]) -> list[Any]:
    kinds = {type(item) for item in items if item is not None}
    if kinds <= {int, float} and float in kinds:
        return [None if item is None else float(item) for item in items]
    if len(kinds) > 1 or kinds & {dict}:
        raise invalid("An array parameter holds values of one simple kind; pass JSON.stringify(value) for JSON")
    return [_array(item) if isinstance(item, list) else item for item in items]
