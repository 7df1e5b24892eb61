from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Created, Identified
from models.tenancy import TenantOwned
from models.tenant import owner_fk


class EndedSession(TenantOwned, Identified, Created, Base):
    """A session somebody signed out of, under its own id. Whatever copies of its cookies there are stand for nobody."""

    __tablename__ = "ended_sessions"
    __table_args__ = (Index("ix_ended_sessions_created_at", "created_at"), owner_fk())

    tenant_id: Mapped[UUID | None] = mapped_column(sort_order=-9)  # type: ignore[assignment] # none: a superadmin's
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
