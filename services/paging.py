"""Keyset pages, newest first: as quick on the millionth row as on the first, and stable while rows arrive."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from models.base import UtcDateTime, db
from services.errors import Invalid

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: list[Row]
    next_cursor: str | None


def keyset(
    query: Select[Row], at: InstrumentedAttribute[Any], id_: InstrumentedAttribute[UUID], cursor: str, limit: int
) -> Page[Row]:
    if cursor:
        moment, last_id = _decode(cursor)
        query = query.where(tuple_(at, id_) < tuple_(moment, last_id, types=[UtcDateTime(), id_.type]))
    found = list(db.session.scalars(query.order_by(at.desc(), id_.desc()).limit(limit + 1)))
    rows = found[:limit]
    more = len(found) > limit
    return Page(rows, encode(getattr(rows[-1], at.key), getattr(rows[-1], id_.key)) if more else None)


def encode(moment: datetime, id_: UUID) -> str:
    return base64.urlsafe_b64encode(f"{moment.isoformat()}|{id_}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, UUID]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, _, id_ = base64.urlsafe_b64decode(padded.encode()).decode().partition("|")
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None:
            raise ValueError("no zone")
        return at, UUID(id_)
    except (ValueError, binascii.Error, UnicodeError):
        raise Invalid(
            "This page address is not one of ours; start again from the first page.", field="cursor"
        ) from None
