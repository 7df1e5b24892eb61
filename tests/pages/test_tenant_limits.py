"""What a tenant may use: an operator sets it, its admins read it, nobody else."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from models import AuditEntry, Execution, Tenant, db
from models.tenancy import as_system, as_tenant
from services import scripts
from tests.conftest import Person
from tests.support.http import Browser
from tests.support.minutes import Minutes

SignIn = Callable[[Person], Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def limits(app: Flask, tenant: Tenant) -> dict[str, Any]:
    with app.app_context(), as_system(db.session):
        return db.session.get_one(Tenant, tenant.id).limits


def chosen(browser: Browser, tenant: Tenant, **fields: str) -> Any:
    browser.get(f"/tenants/{tenant.id}/limits")
    return browser.post(f"/tenants/{tenant.id}/limits", **fields)


def test_root_sets_them_and_takes_them_back(app: Flask, acme: Tenant, root: Person, sign_in: SignIn) -> None:
    browser = sign_in(root)
    assert f'href="/tenants/{acme.id}/limits"' in browser.get("/tenants").text

    assert chosen(browser, acme, runs_per_minute=" 1200 ", concurrency="20", db_per_minute="").status_code == 303
    assert limits(app, acme) == {"runs_per_minute": 1_200, "concurrency": 20}
    page = browser.get(f"/tenants/{acme.id}/limits").text
    assert 'name="runs_per_minute" type="text" value="1200"' in page
    assert "From 1 to 1,000,000. Empty: 600." in page

    assert chosen(browser, acme).status_code == 303
    assert limits(app, acme) == {}


def test_what_no_page_shows_stays_as_it_was(app: Flask, acme: Tenant, root: Person, sign_in: SignIn) -> None:
    with app.app_context(), as_system(db.session):
        db.session.execute(update(Tenant).where(Tenant.id == acme.id).values(limits={"http_allow": ["shop.test"]}))
        db.session.commit()

    chosen(sign_in(root), acme, concurrency="3")
    assert limits(app, acme) == {"http_allow": ["shop.test"], "concurrency": 3}


@pytest.mark.parametrize("runs", ["0", "-1", "1000001", "1.5", "many", "1_0", "٣", "9" * 5_000])
def test_what_is_no_such_number_comes_back_with_a_sentence(
    app: Flask, acme: Tenant, root: Person, sign_in: SignIn, runs: str
) -> None:
    answer = chosen(sign_in(root), acme, runs_per_minute=runs, concurrency="7")

    assert answer.status_code == 422
    assert "Give a whole number from 1 to 1,000,000, or leave it empty." in answer.text
    assert f'value="{runs}"' in answer.text and 'value="7"' in answer.text
    assert limits(app, acme) == {}


def test_it_stands_in_the_tenants_own_audit_log(app: Flask, acme: Tenant, root: Person, sign_in: SignIn) -> None:
    chosen(sign_in(root), acme, runs_per_minute="5")

    with app.app_context(), as_tenant(db.session, acme.id):
        [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "tenant.updated"))
    assert (entry.before, entry.after) == ({"limits": {}}, {"limits": {"runs_per_minute": 5}})


def test_alice_reads_hers_and_changes_none(app: Flask, acme: Tenant, alice: Person, root: Person, sign_in: SignIn) -> None:  # fmt: skip
    chosen(sign_in(root), acme, runs_per_minute="1234")
    browser = sign_in(alice)

    page = browser.get("/settings").text
    assert "Runs that may begin in a minute" in page and "1,234" in page
    assert browser.get(f"/tenants/{acme.id}/limits").status_code == 403
    assert browser.post(f"/tenants/{acme.id}/limits", runs_per_minute="1000000").status_code == 403
    assert limits(app, acme) == {"runs_per_minute": 1_234}


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_bob_and_charlie_may_not(
    app: Flask, acme: Tenant, sign_in: SignIn, who: str, request: pytest.FixtureRequest
) -> None:
    browser = sign_in(request.getfixturevalue(who))
    browser.get("/profile")

    assert browser.get(f"/tenants/{acme.id}/limits").status_code == 403
    assert browser.post(f"/tenants/{acme.id}/limits", runs_per_minute="1").status_code == 403
    assert limits(app, acme) == {}


def test_of_a_tenant_that_is_not_there_nothing_is_shown(root: Person, sign_in: SignIn, alice: Person) -> None:
    browser = sign_in(root)
    assert browser.get(f"/tenants/{alice.id}/limits").status_code == 404
    assert browser.post(f"/tenants/{alice.id}/limits", runs_per_minute="1").status_code == 404


def test_who_executes_too_much_is_told_so_beside_the_editor(
    app: Flask, acme: Tenant, alice: Person, sign_in: SignIn, minutes: Minutes
) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        script = scripts.create(alice.principal, scripts.Changes(name="Count", source="return 1"))
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}")
    minutes.use_up(acme.id)
    minutes.pass_by(seconds=30)

    answer = browser.post(f"/scripts/{script.id}/executions")
    assert answer.status_code == 422
    assert "This tenant may begin 600 runs a minute, and has. Try again in 30 s." in answer.text


def test_a_run_that_waits_for_the_next_minute_says_so(
    app: Flask, acme: Tenant, alice: Person, sign_in: SignIn, minutes: Minutes
) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        script = scripts.create(alice.principal, scripts.Changes(name="Count", source="return 1"))
        run = Execution(script_id=script.id, version_number=1, status="queued", trigger="event")
        db.session.add(run)
        db.session.commit()
        address = f"/executions/{run.id}"
    browser = sign_in(alice)

    assert "Waiting for its turn" in browser.get(address).text
    minutes.use_up(acme.id)
    assert "Waiting for the next minute" in browser.get(address).text
