"""The database goes away under somebody who is signed in."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from services import accounts
from tests.support.http import Browser


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_that_is_away_is_said_calmly(
    alice: object, sign_in: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in(alice)

    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(accounts, "load", away)
    answer = browser.get("/")

    assert answer.status_code == 503
    assert "Away for a moment" in answer.text
    assert "connection refused" not in answer.text
