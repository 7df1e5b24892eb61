"""The workbench's own database as a run's calls reach it: on the call's thread, bound to the run's tenant."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

import logs
from models.base import db
from models.tenancy import as_tenant
from runtime.errors import HostError
from services.errors import NotFound, RateLimited, ServiceError
from services.granted.facts import RunFacts

log = logging.getLogger(__name__)
# What a service says by kind, where scripts have another word for it.
_CODES = {"CONFLICT": "INVALID_INPUT"}


@dataclass(frozen=True, slots=True)
class Workspace:
    app: Flask
    facts: RunFacts

    @contextmanager
    def open(self, not_found: str = "INVALID_INPUT") -> Iterator[None]:
        """A session of its own; what services refuse, and a database that is away, become errors of the script."""
        with self.app.app_context():
            logs.request_id.set(self.facts.request_id)
            try:
                with as_tenant(db.session, self.facts.tenant_id):
                    yield
            except ServiceError as error:
                raise _as_host_error(error, not_found) from None
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                log.warning("a call of a script did not reach the database", exc_info=error)
                raise HostError(
                    "HOST_UNAVAILABLE", "The workbench's database does not answer; try again later"
                ) from None


def _as_host_error(error: ServiceError, not_found: str) -> HostError:
    code = not_found if isinstance(error, NotFound) else _CODES.get(error.code, error.code)
    details = {"retry_after": error.resets_in} if isinstance(error, RateLimited) else None
    return HostError(code, str(error), details=details)
