from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, Select, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Timestamped
from models.tenancy import TenantOwned
from models.tenant import owner_fk


class Secret(TenantOwned, Identified, Timestamped, Base):
    """A named value that scripts read and nobody sees again. Encrypted with the key that `key_id` names."""

    __tablename__ = "secrets"
    __table_args__ = (UniqueConstraint("tenant_id", "name"), owner_fk())

    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), default="")
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    key_id: Mapped[str] = mapped_column(String(32), index=True)
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    last_used_at: Mapped[datetime | None]

    @staticmethod
    def listed() -> Select["Secret"]:
        return select(Secret).order_by(Secret.name)
