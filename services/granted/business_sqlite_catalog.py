"""Reads what tables a business database on SQLite has, and how they lean on each other."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from services.granted.business_catalog import Catalog, visible


def read_catalog(db: sqlite3.Connection, tenant_column: str, denied: Sequence[str]) -> Catalog:
    listed = db.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall()
    names = [name for (name,) in listed if not name.lower().startswith("sqlite_")]
    tenant = tenant_column.lower()
    tables = visible({name: _columns(db, name) for name in names}, tenant, denied, str.lower)
    return Catalog(
        schema="main",
        tenant_column=tenant,
        tables=tables,
        loose_keys=tuple(_loose_keys(db, tables, tenant)),
        relatives=_relatives(db, names),
        triggers=frozenset(name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")),
    )


def _columns(db: sqlite3.Connection, table: str) -> dict[str, str]:
    return {name.lower(): kind for name, kind in db.execute("SELECT name, type FROM pragma_table_xinfo(?)", (table,))}


def _foreign_keys(db: sqlite3.Connection, table: str) -> dict[int, tuple[str, list[str]]]:
    keys: dict[int, tuple[str, list[str]]] = {}
    for number, parent, column in db.execute('SELECT id, "table", "from" FROM pragma_foreign_key_list(?)', (table,)):
        keys.setdefault(number, (parent, []))[1].append(column.lower())
    return keys


def _relatives(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, frozenset[str]]:
    near: dict[str, set[str]] = {name: set() for name in names}
    for child in names:
        for parent, _ in _foreign_keys(db, child).values():
            near[child].add(parent)
            near.setdefault(parent, set()).add(child)
    return {name: _reached(name, near) for name in near}


def _reached(start: str, near: dict[str, set[str]]) -> frozenset[str]:
    seen, todo = {start}, [start]
    while todo:
        fresh = near.get(todo.pop(), set()) - seen
        seen |= fresh
        todo += fresh
    return frozenset(seen)


def _loose_keys(db: sqlite3.Connection, tables: dict[str, Any], tenant: str) -> Iterator[str]:
    for key, table in tables.items():
        for parent, columns in _foreign_keys(db, table.name).values():
            if parent.lower() in tables and tenant not in columns:
                yield f"{table.name} ({', '.join(columns)}) refers to {parent}"
        unique = db.execute(
            "SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND origin <> 'pk'", (key,)
        ).fetchall()
        for (index,) in unique:
            columns = [str(c).lower() for (c,) in db.execute("SELECT name FROM pragma_index_info(?)", (index,))]
            if tenant not in columns:
                yield f"{table.name} ({', '.join(columns)}) is unique"
