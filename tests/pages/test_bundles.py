"""Downloading scripts and uploading them, as people do: with a look at what would change."""

import io
import zipfile
from collections.abc import Callable

import pytest
from flask import Flask

from models import Tenant, db
from models.tenancy import as_tenant
from services import bundles, scripts
from services.scripts import Changes
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def script_id(app: Flask, alice: Person, acme: Tenant) -> str:
    with app.app_context(), as_tenant(db.session, acme.id):
        return str(scripts.create(alice.principal, Changes(name="Price new orders", source="return 1;\n")).id)


def zip_with(code: bytes, name: str = "Price new orders") -> io.BytesIO:
    file = io.BytesIO()
    about = f'{{"format": 1, "name": "{name}"}}'.encode()
    bundles.write_zip([("a/script.js", code), ("a/script.json", about)], file)
    file.seek(0)
    return file


def upload(browser: Browser, file: io.BytesIO) -> object:
    browser.get("/scripts/import")
    return browser.post("/scripts/import", file=(file, "scripts.zip"))


def test_alice_downloads_one_or_all(script_id: str, alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    for path in (f"/scripts/{script_id}/export", "/scripts/export"):
        answer = browser.get(path)
        assert answer.mimetype == "application/zip"
        assert zipfile.ZipFile(io.BytesIO(answer.data)).namelist() == [
            "price-new-orders/script.js", "price-new-orders/script.json",
        ]  # fmt: skip


def test_alice_sees_what_would_change_and_then_changes_it(script_id: str, alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    seen = upload(browser, zip_with(b"return 2;\n"))
    assert seen.status_code == 200
    assert "1 line added, 1 line removed" in seen.text
    assert "return 1;" in browser.get(f"/scripts/{script_id}").text

    action = seen.text.split('action="/scripts/import/')[1].split('"')[0]
    assert browser.post(f"/scripts/import/{action}").status_code == 303
    assert "return 2;" in browser.get(f"/scripts/{script_id}").text
    assert "1 unchanged" in upload(browser, zip_with(b"return 2;\n")).text


def test_what_cannot_be_imported_says_why(alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    refused = upload(browser, zip_with(b"1", name="x"))
    assert "A name has 3 to 100 characters." in refused.text
    assert 'name="digest"' not in refused.text and "Not possible" in refused.text
    assert upload(browser, io.BytesIO(b"no zip")).status_code == 422
    assert browser.post("/scripts/import").status_code == 422


def test_a_file_that_is_no_longer_kept_is_asked_for_again(alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    browser.get("/scripts/import")
    assert browser.post(f"/scripts/import/{'0' * 64}").status_code == 404


def test_bob_downloads_and_does_not_upload(script_id: str, bob: Person, sign_in: SignIn) -> None:
    browser = sign_in(bob)
    assert browser.get("/scripts/export").status_code == 200
    assert browser.get("/scripts/import").status_code == 403
    browser.get("/profile")
    assert browser.post("/scripts/import", file=(zip_with(b"1"), "x.zip")).status_code == 403


def test_charlie_finds_nothing_of_acme(script_id: str, charlie: Person, sign_in: SignIn) -> None:
    browser = sign_in(charlie)
    assert browser.get(f"/scripts/{script_id}/export").status_code == 404
    assert zipfile.ZipFile(io.BytesIO(browser.get("/scripts/export").data)).namelist() == []
