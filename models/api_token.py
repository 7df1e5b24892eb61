from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Select, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Created, Identified
from models.tenancy import TenantOwned
from models.tenant import owner_fk
from models.user import User


class ApiToken(TenantOwned, Identified, Created, Base):
    """A bearer token, kept as a hash. It can do what its scopes AND its user's role allow, whichever is less."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index("ix_api_tokens_tenant_id_created_at", "tenant_id", "created_at"), owner_fk())

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16))  # shown in lists so that people can tell tokens apart
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    permissions: Mapped[list[str]] = mapped_column(default=list)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(primaryjoin="foreign(ApiToken.user_id) == User.id", viewonly=True, lazy="raise")

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    @staticmethod
    def listed() -> Select["ApiToken"]:
        return select(ApiToken).order_by(ApiToken.created_at.desc(), ApiToken.id.desc())
