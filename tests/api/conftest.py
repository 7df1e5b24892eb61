"""A program with a bearer token, for each of the three people."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from models import db
from models.tenancy import bind
from services import process, tokens
from tests.conftest import Person


class Program:
    def __init__(self, app: Flask, secret: str) -> None:
        self._client, self._headers = app.test_client(), {"Authorization": f"Bearer {secret}"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self._client.open(f"/api/v1{path}", method=method, json=body, headers={**self._headers, **headers})

    def get(self, path: str) -> TestResponse:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> TestResponse:
        return self.call("POST", path, {} if body is None else body)

    def patch(self, path: str, body: Any) -> TestResponse:
        return self.call("PATCH", path, body)


@pytest.fixture
def program(app: Flask) -> Iterator[Callable[..., Program]]:
    def make(person: Person, permissions: frozenset[str] | None = None) -> Program:
        with app.app_context():
            bind(db.session, person.principal.tenant.id)
            secret = tokens.create(person.principal, "test", permissions or person.principal.permissions).secret
        return Program(app, secret)

    yield make
    process.close(app)


@pytest.fixture
def api(program: Callable[..., Program], alice: Person) -> Program:
    return program(alice)


@pytest.fixture
def script(api: Program) -> dict[str, Any]:
    answer = api.post("/scripts", {"name": "Doubler", "source": "return context.input.n * 2"})
    assert answer.status_code == 201, answer.text
    return answer.json
