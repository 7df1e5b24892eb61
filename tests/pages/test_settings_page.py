"""How long a tenant keeps what happened: its admins say so, nobody else, and only for themselves."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from models import Tenant, db
from models.tenancy import as_system
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def kept(app: Flask, tenant: Tenant) -> dict[str, Any]:
    with app.app_context(), as_system(db.session):
        return db.session.get_one(Tenant, tenant.id).retention


def chosen(browser: Browser, **days: str) -> int:
    browser.get("/settings")
    return browser.post("/settings/retention", **days).status_code


def test_alice_chooses_and_takes_back(app: Flask, acme: Tenant, alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)

    assert chosen(browser, runs=" 14 ", dead_letters="", events="3650", audit="31") == 303
    assert kept(app, acme) == {"runs": 14, "events": 3_650, "audit": 31}
    page = browser.get("/settings").text
    assert 'name="runs" type="text" value="14"' in page
    assert "From 1 to 3650 days. Empty: 90." in page

    assert chosen(browser, runs="", dead_letters="", events="", audit="") == 303
    assert kept(app, acme) == {}


@pytest.mark.parametrize("runs", ["0", "-1", "3651", "1.5", "a week", "1_0", "٣", "9" * 5_000])
def test_what_is_no_number_of_days_comes_back_with_a_sentence(
    app: Flask, acme: Tenant, alice: Person, sign_in: SignIn, runs: str
) -> None:
    browser = sign_in(alice)
    browser.get("/settings")
    answer = browser.post("/settings/retention", runs=runs, audit="30")

    assert answer.status_code == 422
    assert "Give a whole number of days from 1 to 3650, or leave it empty." in answer.text
    assert "Give a whole number of days from 31 to 3650, or leave it empty." in answer.text
    assert f'value="{runs}"' in answer.text
    assert f'value="{acme.name}"' in answer.text
    assert kept(app, acme) == {}


def test_bob_may_not(app: Flask, acme: Tenant, bob: Person, sign_in: SignIn) -> None:
    browser = sign_in(bob)
    browser.get("/profile")

    assert browser.post("/settings/retention", runs="1").status_code == 403
    assert kept(app, acme) == {}


def test_charlie_chooses_for_his_own(
    app: Flask, acme: Tenant, globex: Tenant, charlie: Person, sign_in: SignIn
) -> None:
    assert chosen(sign_in(charlie), runs="5") == 303

    assert (kept(app, acme), kept(app, globex)) == ({}, {"runs": 5})
