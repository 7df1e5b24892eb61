"""Keyset pages, newest first: as quick on the millionth row as on the first, and stable while rows arrive."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from models.base import UtcDateTime, db
from services.errors import Invalid

Row = TypeVar("Row")
_NEWER = "newer"


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: list[Row]
    next_cursor: str | None  # to what is older
    newer_cursor: str | None = None  # None on the first page; "" leads there


@dataclass(frozen=True)
class _Place:
    """Between two rows, and which way to read from there."""

    at: datetime
    id: UUID
    is_newer: bool


def keyset(
    query: Select[Row], at: InstrumentedAttribute[Any], id_: InstrumentedAttribute[UUID], cursor: str, limit: int
) -> Page[Row]:
    place = _decode(cursor) if cursor else None
    key, types = tuple_(at, id_), [UtcDateTime(), id_.type]
    if place and place.is_newer:
        newer = query.where(key > tuple_(place.at, place.id, types=types)).order_by(at, id_).limit(limit + 1)
        found = list(db.session.scalars(newer))
        if len(found) > limit:
            return _page(found[limit - 1 :: -1], at, id_, has_newer=True, has_older=True)
        place = None  # so few are newer that the first page shows them all
    if place:
        query = query.where(key < tuple_(place.at, place.id, types=types))
    found = list(db.session.scalars(query.order_by(at.desc(), id_.desc()).limit(limit + 1)))
    return _page(found[:limit], at, id_, has_newer=place is not None, has_older=len(found) > limit)


def _page(
    rows: list[Row], at: InstrumentedAttribute[Any], id_: InstrumentedAttribute[UUID], has_newer: bool, has_older: bool
) -> Page[Row]:
    def cursor(row: Row, *way: str) -> str:
        text = "|".join((getattr(row, at.key).isoformat(), str(getattr(row, id_.key)), *way))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    newer = (cursor(rows[0], _NEWER) if rows else "") if has_newer else None
    return Page(rows, cursor(rows[-1]) if has_older else None, newer)


def _decode(cursor: str) -> _Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, id_, *way = base64.urlsafe_b64decode(padded.encode()).decode().split("|")
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None or way not in ([], [_NEWER]):
            raise ValueError("no cursor of ours")
        return _Place(at.astimezone(UTC), UUID(id_), is_newer=bool(way))
    except (ValueError, OverflowError, binascii.Error, UnicodeError):
        raise Invalid(
            "This page address is not one of ours; start again from the first page.", field="cursor"
        ) from None
