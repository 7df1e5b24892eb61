"""A session is one sign-in in one browser. Its cookies, the one that remembers as well, carry its id; ids of those that were
signed out of are kept until no cookie of theirs could be taken any more.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects import postgresql, sqlite

from models.base import db, utcnow
from models.ended_session import EndedSession
from models.ids import made_at
from models.tenancy import as_system
from models.user import User
from services import retention

LASTS = timedelta(days=365)
# A day more than a session lasts, because its id has the time of the machine that made it.
_KEPT_DAYS = LASTS.days + 1


class Ticket(NamedTuple):
    """What a cookie says, once its signature was found good."""

    user_id: UUID
    epoch: int
    session_id: UUID

    @classmethod
    def read(cls, text: str) -> "Ticket":
        user_id, epoch, session_id = text.split(".")
        return cls(UUID(user_id), int(epoch), UUID(session_id))


def is_too_old(session_id: UUID) -> bool:
    return made_at(session_id) < utcnow() - LASTS


def goes_on(session_id: UUID) -> ColumnElement[bool]:
    """A condition of the statement that loads the user, so that it costs no statement of its own."""
    return ~select(EndedSession.id).where(EndedSession.id == session_id).exists()


def end(tickets: Iterable[Ticket]) -> None:
    """In the caller's transaction. Who signs out twice at the same moment is signed out."""
    users_of = {ticket.session_id: ticket.user_id for ticket in tickets}
    found = db.session.execute(select(User.id, User.tenant_id).where(User.id.in_(users_of.values())))
    tenants: dict[UUID, UUID | None] = {user.id: user.tenant_id for user in found}
    rows = [
        {"id": session_id, "tenant_id": tenants[user_id], "user_id": user_id}
        for session_id, user_id in users_of.items()
        if user_id in tenants
    ]
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    if rows:
        db.session.execute(insert(EndedSession).on_conflict_do_nothing(), rows)


def prune() -> None:
    with as_system(db.session):
        retention.remove(EndedSession.created_at, _KEPT_DAYS)
