"""The declarative base and the column types every table shares."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, DateTime, Dialect, MetaData, Uuid, types
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from models.clock import utcnow
from models.ids import uuid7
from models.together import OurSession

__all__ = ["Base", "Created", "Identified", "Json", "Timestamped", "UtcDateTime", "db", "utcnow"]

# On PostgreSQL: JSONB. none_as_null, because a JSON null and "no value" are one thing to our readers.
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UtcDateTime(types.TypeDecorator[datetime]):
    """An instant. SQLite keeps no zone, so it stores UTC and gets it back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone is not an instant; use models.base.utcnow()")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        UUID: Uuid(),
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        list[str]: Json,
        list[dict[str, Any]]: Json,
    }


class Identified:
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-10)


class Created:
    created_at: Mapped[datetime] = mapped_column(default=utcnow, sort_order=90)


class Timestamped(Created):
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow, sort_order=91)


# We bring our own session rules (models/tenancy.py) and our own names for tables.
db = SQLAlchemy(
    metadata=Base.metadata, disable_autonaming=True, session_options={"expire_on_commit": False, "class_": OurSession}
)
