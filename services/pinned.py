"""Versions as runs need them. A version never changes, so it is read once a process."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, select

from models.base import db
from models.script_version import ScriptVersion
from models.tenancy import system_reading

MOST_KEPT = 200
Key = tuple[UUID, int]  # script, number

_VERSIONS = cast(Table, ScriptVersion.__table__)
_VERSION = select(_VERSIONS.c.source, _VERSIONS.c.parameters, _VERSIONS.c.limits).where(
    _VERSIONS.c.script_id == bindparam("script"), _VERSIONS.c.number == bindparam("number")
)
_kept: "OrderedDict[Key, Version]" = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Version:
    source: str
    parameters: list[dict[str, Any]]
    limits: Mapping[str, Any]


def version(script_id: UUID, number: int) -> Version | None:
    """One, without a connection where it is known."""
    key = script_id, number
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    with system_reading(db.engine) as connection:
        return versions(connection, {key}).get(key)


def versions(connection: Connection, keys: set[Key]) -> dict[Key, Version]:
    """Those that exist. The connection sees the tenants they belong to."""
    with _lock:
        found = {key: _kept[key] for key in keys if key in _kept}
        for key in found:
            _kept.move_to_end(key)
    for script_id, number in keys - found.keys():
        row = connection.execute(_VERSION, {"script": script_id, "number": number}).first()
        if row:
            found[script_id, number] = Version(row.source, list(row.parameters), row.limits)
    with _lock:
        _kept.update(found)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return found
