"""The database goes away under somebody who is signed in."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from services import accounts, tenants
from tests.support.http import Browser

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def away(*_: object) -> None:
    raise OperationalError("SELECT", {}, Exception("connection refused"))


def test_a_database_that_is_away_is_said_calmly(
    alice: object, sign_in: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in(alice)
    monkeypatch.setattr(accounts, "load", away)
    answer = browser.get("/")

    assert answer.status_code == 503
    assert "Away for a moment" in answer.text
    assert "connection refused" not in answer.text


def test_the_page_that_says_so_does_not_ask_it_for_a_superadmins_tenants(
    root: object, sign_in: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in(root)
    monkeypatch.setattr(tenants, "listed", away)
    monkeypatch.setattr(tenants, "choices", away)
    answer = browser.get("/tenants")

    assert answer.status_code == 503
    assert "Away for a moment" in answer.text
