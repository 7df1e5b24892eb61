from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Select, String, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Timestamped
from models.tenancy import AnySession, bound_to


class Tenant(Identified, Timestamped, Base):
    """A business that uses the workbench. Not tenant-owned itself: only operators list tenants."""

    __tablename__ = "tenants"
    __table_args__ = (CheckConstraint("slug = lower(slug)", name="slug_lower"),)

    slug: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(default=True)
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Tashkent")
    language: Mapped[str | None] = mapped_column(String(5))
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)  # overrides of the defaults in CONTRACTS "Limits"
    retention: Mapped[dict[str, Any]] = mapped_column(default=dict)

    @staticmethod
    def by_slug(slug: str) -> Select["Tenant"]:
        return select(Tenant).where(Tenant.slug == slug.lower())

    @staticmethod
    def hold(session: AnySession) -> None:
        """Who holds the session's tenant next waits until this transaction ends; all else of the tenant goes on."""
        session.execute(select(Tenant.id).where(Tenant.id == bound_to(session)).with_for_update(key_share=True))

    @staticmethod
    def listed() -> Select["Tenant"]:
        return select(Tenant).order_by(Tenant.name)


def tenant_fk(column: str, target: str, **options: Any) -> ForeignKeyConstraint:
    """A reference that the database itself keeps inside the tenant."""
    return ForeignKeyConstraint(["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"], **options)


def owner_fk() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id"], ["tenants.id"], ondelete="CASCADE")
