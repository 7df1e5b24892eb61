from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Timestamped
from models.execution import one_of
from models.tenancy import TenantOwned
from models.tenant import owner_fk, tenant_fk

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
AUTHS = ("token", "signature", "public")
MODES = ("sync", "async")


class Endpoint(TenantOwned, Identified, Timestamped, Base):
    """A path under /hooks/{tenant}/ that a script answers."""

    __tablename__ = "script_http_endpoints"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        Index("ix_script_http_endpoints_tenant_id_script_id", "tenant_id", "script_id"),
        one_of("auth", AUTHS),
        one_of("mode", MODES),
        owner_fk(),
        tenant_fk("script_id", "scripts", ondelete="CASCADE"),
    )

    script_id: Mapped[UUID]
    path: Mapped[str] = mapped_column(String(200))
    methods: Mapped[list[str]] = mapped_column(default=list)
    auth: Mapped[str] = mapped_column(String(10), default="token")
    mode: Mapped[str] = mapped_column(String(5), default="sync")
    enabled: Mapped[bool] = mapped_column(default=True)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)  # signature, CORS, rate and body limits


class EndpointRoute(TenantOwned, Identified, Base):
    """One row per method of an endpoint, so that the database itself refuses two answers to one request."""

    __tablename__ = "script_http_routes"
    __table_args__ = (
        UniqueConstraint("tenant_id", "shape", "method"),
        Index("ix_script_http_routes_tenant_id_endpoint_id", "tenant_id", "endpoint_id"),
        one_of("method", METHODS),
        owner_fk(),
        tenant_fk("endpoint_id", "script_http_endpoints", ondelete="CASCADE"),
    )

    endpoint_id: Mapped[UUID]
    method: Mapped[str] = mapped_column(String(10))
    shape: Mapped[str] = mapped_column(String(200))  # the path with every :name as a bare colon
