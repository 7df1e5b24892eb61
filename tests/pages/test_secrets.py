"""Secrets: who may keep them, and that no page ever shows a value."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import undefer

from models import AuditEntry, Script, Secret, Tenant, db
from models.tenancy import as_system, as_tenant
from services import secrets
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


@pytest.fixture
def secret(app: Flask, alice: Person, acme: Tenant) -> Secret:
    with app.app_context(), as_tenant(db.session, acme.id):
        return secrets.create(alice.principal, "bank_api_key", VALUE, "The bank's test account")


@pytest.fixture
def admin(alice: Person, sign_in: SignIn) -> Browser:
    browser = sign_in(alice)
    browser.get("/secrets/new")
    return browser


def stored(app: Flask, name: str) -> Secret | None:
    with app.app_context(), as_system(db.session):
        return db.session.scalar(select(Secret).where(Secret.name == name).options(undefer(Secret.ciphertext)))


def deeds(app: Flask) -> list[str]:
    with app.app_context(), as_system(db.session):
        return list(db.session.scalars(
            select(AuditEntry.action).where(AuditEntry.target_type == "secret").order_by(AuditEntry.created_at)))  # fmt: skip


def test_alice_keeps_a_secret_and_nobody_sees_it_again(app: Flask, admin: Browser) -> None:
    answer = admin.post("/secrets", name="bank_api_key", value=f"{VALUE}\r\n", description="The bank")

    assert answer.status_code == 303
    pages = [admin.get(path).text for path in ("/secrets", f"/secrets/{stored(app, 'bank_api_key').id}", "/audit")]
    assert "bank_api_key" in pages[0]
    assert "The bank" in pages[1]
    assert all(VALUE not in page for page in pages)
    assert VALUE.encode() not in stored(app, "bank_api_key").ciphertext


def test_the_menu_leads_there(admin: Browser) -> None:
    assert 'href="/secrets"' in admin.get("/").text


def test_a_form_that_comes_back_does_not_bring_the_value(admin: Browser) -> None:
    answer = admin.post("/secrets", name="not a name", value=VALUE)

    assert answer.status_code == 422
    assert "not a name" in answer.text
    assert VALUE not in answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [("", VALUE), ("7up", VALUE), ("a b", VALUE), ("ключ", VALUE), ("x" * 101, VALUE), ("short", "123"), ("long", "x" * 20_000), ("empty", "")],
)  # fmt: skip
def test_what_is_no_secret_is_refused(app: Flask, admin: Browser, name: str, value: str) -> None:
    assert admin.post("/secrets", name=name, value=value).status_code == 422
    assert stored(app, name) is None


def test_a_name_is_taken_whatever_its_case(secret: Secret, admin: Browser) -> None:
    answer = admin.post("/secrets", name="Bank_API_key", value=VALUE)

    assert answer.status_code == 422
    assert "Bank_API_key" in answer.text


def test_a_description_changes_without_the_value_and_a_value_with_it(
    app: Flask, secret: Secret, admin: Browser
) -> None:
    before = stored(app, secret.name).ciphertext
    admin.post(f"/secrets/{secret.id}", value="", description="Other words")
    assert (stored(app, secret.name).ciphertext, stored(app, secret.name).description) == (before, "Other words")

    admin.post(f"/secrets/{secret.id}", value="another value", description="Other words")
    assert stored(app, secret.name).ciphertext != before


def test_it_says_which_scripts_name_it(app: Flask, acme: Tenant, secret: Secret, admin: Browser) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        for name, source in {"Pays": 'sdk.secrets.get("bank_api_key")', "Other": "bank_api_keyring"}.items():
            db.session.add(Script(name=name, name_key=name.lower(), source=source))
        db.session.commit()

    page = admin.get(f"/secrets/{secret.id}").text
    assert "Pays" in page
    assert "Other" not in page


def test_deleting_is_audited_like_making_and_changing(app: Flask, secret: Secret, admin: Browser) -> None:
    admin.post(f"/secrets/{secret.id}", value="another value", description="")
    assert admin.post(f"/secrets/{secret.id}/delete").status_code == 303

    assert stored(app, secret.name) is None
    assert deeds(app) == ["secret.created", "secret.updated", "secret.deleted"]


def test_bob_may_neither_look_nor_touch(app: Flask, secret: Secret, bob: Person, sign_in: SignIn) -> None:
    browser = sign_in(bob)
    browser.get("/profile")

    assert {browser.get(path).status_code for path in ("/secrets", "/secrets/new", f"/secrets/{secret.id}")} == {403}
    posts = ("/secrets", f"/secrets/{secret.id}", f"/secrets/{secret.id}/delete")
    assert {browser.post(path, name="x", value=VALUE).status_code for path in posts} == {403}
    assert 'href="/secrets"' not in browser.get("/").text
    assert stored(app, secret.name) is not None


def test_charlie_finds_nothing_of_acme(app: Flask, secret: Secret, charlie: Person, sign_in: SignIn) -> None:
    browser = sign_in(charlie)
    browser.get("/profile")

    assert "bank_api_key" not in browser.get("/secrets").text
    assert browser.get(f"/secrets/{secret.id}").status_code == 404
    assert browser.post(f"/secrets/{secret.id}", value="mine now").status_code == 404
    assert browser.post(f"/secrets/{secret.id}/delete").status_code == 404
    assert stored(app, secret.name).updated_at == secret.updated_at


def test_a_stranger_is_sent_to_sign_in(secret: Secret, stranger: Browser) -> None:
    for path in ("/secrets", "/secrets/new", f"/secrets/{secret.id}"):
        assert stranger.get(path).headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("language", ["en", "ru", "uz"])
def test_the_pages_speak_three_languages(secret: Secret, admin: Browser, language: str) -> None:
    admin.post("/preferences/language", language=language)

    title = {"en": "Secrets", "ru": "Секреты", "uz": "Sirlar"}[language]
    assert title in admin.get("/secrets").text
