"""For tests of services that act as somebody, outside any request."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from models import db
from services import process
from services.identity import Principal
from tests.conftest import Person


@pytest.fixture
def author(app: Flask, alice: Person, as_person: Callable[[Person], Principal]) -> Iterator[Principal]:
    yield as_person(alice)
    db.session.rollback()
    process.close(app)
