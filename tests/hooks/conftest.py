"""Endpoints of acme, called as the world calls them: through the door, with the real engine behind it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import undefer

from models import Endpoint, Execution, db
from models.tenancy import as_system, as_tenant
from services import endpoints, process, scripts, tokens
from services.endpoints import Changes
from tests.conftest import Person


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def serve(app: Flask, alice: Person) -> Iterator[Callable[..., Endpoint]]:
    """`serve(source, "orders/:id", methods=["GET"], auth="public", options={…})`: a new script that answers there."""
    count = 0

    def make(source: str = "return context.request", path: str = "orders", *, person: Person = alice,
             parameters: Any = (), script_limits: Any = None, **changes: Any) -> Endpoint:  # fmt: skip
        nonlocal count
        count += 1
        given = {"auth": "public", "methods": ["GET", "POST"], **changes}
        with app.app_context(), as_tenant(db.session, person.principal.tenant.id):
            script = scripts.create(person.principal, scripts.Changes(
                name=f"Answerer {count}", source=source, parameters=list(parameters), limits=script_limits or {},
            ))  # fmt: skip
            return endpoints.create(person.principal, script.id, Changes(path=path, **given))

    yield make
    process.close(app)


@pytest.fixture
def world(app: Flask) -> FlaskClient:
    """Somebody out there."""
    return app.test_client()


@pytest.fixture
def token_of(app: Flask) -> Callable[..., str]:
    def make(person: Person, permissions: tuple[str, ...] = ("scripts.execute",)) -> str:
        with app.app_context(), as_tenant(db.session, person.principal.tenant.id):
            return tokens.create(person.principal, "caller", permissions).secret

    return make


@pytest.fixture
def runs(app: Flask) -> Callable[[], list[Execution]]:
    """All there are, newest first, with everything."""

    def read() -> list[Execution]:
        with app.app_context(), as_system(db.session):
            query = select(Execution).options(undefer(Execution.request), undefer(Execution.output))
            return list(db.session.scalars(query.order_by(Execution.id.desc())))

    return read
