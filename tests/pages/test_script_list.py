"""The list of scripts as its readers meet it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from models import Execution, Script, Tenant, db
from models.tenancy import as_tenant
from services import process, scripts
from services.scripts import Changes
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def write(app: Flask, alice: Person, acme: Tenant) -> Iterator[Callable[..., Script]]:
    def make(name: str, status: str = "", **more: Any) -> Script:
        with app.app_context(), as_tenant(db.session, acme.id):
            script = scripts.create(alice.principal, Changes(name=name, **more))
            if status:
                db.session.add(Execution(script_id=script.id, version_number=1, trigger="api", status=status, run_ms=5))
                script.last_status = status
                db.session.commit()
            return script

    yield make
    process.close(app)


def enabled(app: Flask, acme: Tenant, script: Script) -> bool:
    with app.app_context(), as_tenant(db.session, acme.id):
        return db.session.get_one(Script, script.id).enabled


def test_nothing_yet_and_nothing_found_say_different_things(
    alice: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    empty = browser.get("/scripts").text
    write("Price orders")
    missed = browser.get("/scripts?words=zebra").text

    assert "Write your first script" in empty and "No such script" not in empty
    assert "No such script" in missed and "Write your first script" not in missed


def test_filters_keep_their_values_in_the_address_of_the_next_page(
    alice: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    browser = sign_in(alice)
    for number in range(26):
        write(f"Night {number:02}", tags=["night"])
    write("Day", tags=["day"], status="failed")

    page = browser.get("/scripts?tag=night&sort=name").text
    second = re.search(r'href="([^"]*page=2[^"]*)"', page)[1].replace("&amp;", "&")

    assert "Night 00" in page and "Day" not in browser.get(second).text and "Night 25" in browser.get(second).text
    assert (
        "Day" in browser.get("/scripts?status=failed").text
        and "Night 00" not in browser.get("/scripts?status=failed").text
    )


@pytest.mark.parametrize(
    "query", ["page=0", "page=-5", "page=x", "page=999999999999", "sort=nonsense", "words=" + "x" * 5000, "words=%25%5F'\"",
              "tag=%3Cscript%3E"]
)  # fmt: skip
def test_odd_questions_get_an_answer(alice: Person, sign_in: SignIn, write: Callable[..., Script], query: str) -> None:
    write("Price orders")

    answer = sign_in(alice).get(f"/scripts?{query}")

    assert answer.status_code == 200 and "<script>" not in answer.text.partition('aria-label="Scripts"')[2]


def test_an_unknown_trigger_is_refused_clearly(alice: Person, sign_in: SignIn) -> None:
    assert sign_in(alice).get("/scripts?trigger=teapots").status_code == 422


def test_the_switch_says_what_it_becomes(
    app: Flask, acme: Tenant, alice: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    browser, script = sign_in(alice), write("Price orders")

    row = browser.post(f"/scripts/{script.id}/switch", headers=FRAGMENT)
    assert row.status_code == 200 and "checked" not in row.text.partition('role="switch"')[2].partition(">")[0]
    assert not enabled(app, acme, script)
    browser.post(f"/scripts/{script.id}/switch", headers=FRAGMENT, enabled="1")
    browser.post(f"/scripts/{script.id}/switch", headers=FRAGMENT, enabled="1")
    assert enabled(app, acme, script)


def test_a_draft_cannot_be_switched_on(
    app: Flask, acme: Tenant, alice: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    script = write("A draft", source="return (")

    answer = sign_in(alice).post(f"/scripts/{script.id}/switch", headers=FRAGMENT, enabled="1")

    assert "syntax error" in answer.headers["HX-Trigger"] and not enabled(app, acme, script)


def test_many_are_changed_at_once(
    app: Flask, acme: Tenant, alice: Person, sign_in: SignIn, write: Callable[..., Script]
) -> None:
    browser, scripts_ = sign_in(alice), [write(f"Script {n}") for n in range(3)]

    answer = browser.post("/scripts", action="disable", ids=[str(script.id) for script in scripts_[:2]])

    assert answer.status_code == 303
    assert [enabled(app, acme, script) for script in scripts_] == [False, False, True]


def test_a_deed_nobody_knows_changes_nothing(alice: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    browser, script = sign_in(alice), write("Price orders")

    assert browser.post("/scripts", action="explode", ids=str(script.id)).status_code == 422
    assert browser.post("/scripts", action="enable", ids="not-an-id").status_code == 422
    assert browser.post("/scripts", action="tag", ids=str(script.id), tag=" ").status_code == 422


def test_bob_sees_the_list_and_no_switches(bob: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    script, browser = write("Price orders"), sign_in(bob)
    page = browser.get("/scripts").text

    assert "Price orders" in page
    assert (
        'role="switch"' not in page and "/scripts/new" not in page and "/delete" not in page and 'id="bulk"' not in page
    )
    assert browser.post(f"/scripts/{script.id}/switch", enabled="1").status_code == 403
    assert browser.post("/scripts", action="delete", ids=str(script.id)).status_code == 403


def test_charlie_sees_none_of_them(charlie: Person, sign_in: SignIn, write: Callable[..., Script]) -> None:
    script, browser = write("Price orders"), sign_in(charlie)

    assert "Price orders" not in browser.get("/scripts").text
    assert browser.post(f"/scripts/{script.id}/switch", enabled="1").status_code == 404
    assert browser.post("/scripts", action="delete", ids=str(script.id)).status_code == 404
