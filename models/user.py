from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Select, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Identified, Timestamped
from models.role import Role
from models.tenancy import TenantOwned
from models.tenant import Tenant, tenant_fk

LANGUAGES = ("en", "ru", "uz")
THEMES = ("system", "light", "dark")


class User(TenantOwned, Identified, Timestamped, Base):
    """A person. Invited (no password yet) or able to sign in. A superadmin has no tenant of their own."""

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_tenant_id_last_name", "tenant_id", "last_name", "first_name"),
        CheckConstraint("is_superadmin = (tenant_id IS NULL)", name="superadmin_has_no_tenant"),
        CheckConstraint("is_superadmin OR role_id IS NOT NULL", name="has_role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], ondelete="CASCADE"),
        tenant_fk("role_id", "roles"),
    )

    tenant_id: Mapped[UUID | None] = mapped_column(sort_order=-9)  # type: ignore[assignment]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    first_name: Mapped[str] = mapped_column(String(100), default="")
    last_name: Mapped[str] = mapped_column(String(100), default="")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    role_id: Mapped[UUID | None]
    is_superadmin: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_demo: Mapped[bool] = mapped_column(default=False)  # signs in only in development
    language: Mapped[str | None] = mapped_column(String(5))
    theme: Mapped[str] = mapped_column(String(10), default="system")
    timezone: Mapped[str | None] = mapped_column(String(64))
    # Every session and remember-me cookie carries it; raising it ends them all (password change, deactivation).
    session_epoch: Mapped[int] = mapped_column(default=0)
    link_hash: Mapped[str | None] = mapped_column(String(64), unique=True)  # invitation or password reset by link
    link_expires_at: Mapped[datetime | None]
    last_sign_in_at: Mapped[datetime | None]

    role: Mapped[Role | None] = relationship(
        primaryjoin="and_(foreign(User.role_id) == Role.id)", viewonly=True, lazy="raise"
    )
    tenant: Mapped[Tenant | None] = relationship(
        primaryjoin="foreign(User.tenant_id) == Tenant.id", viewonly=True, lazy="raise"
    )

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    @property
    def is_invited(self) -> bool:
        return self.password_hash is None

    @staticmethod
    def by_email(email: str) -> Select["User"]:
        return select(User).where(User.email == email.strip().lower())

    @staticmethod
    def by_link(link_hash: str, now: datetime) -> Select["User"]:
        return select(User).where(User.link_hash == link_hash, User.link_expires_at > now, User.is_active)

    @staticmethod
    def listed() -> Select["User"]:
        return select(User).order_by(User.last_name, User.first_name, User.email)
