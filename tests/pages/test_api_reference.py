"""The page about the API: made of the document, it shows each operation and sends nothing by itself."""

from collections.abc import Callable

import pytest
from flask import Flask

from blueprints.api.document import operations
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]


@pytest.fixture
def database() -> str:
    return "sqlite"


def test_every_operation_has_its_form(app: Flask, bob: Person, sign_in: SignIn) -> None:
    browser = sign_in(bob)
    with app.test_request_context():
        found = list(operations())

    for one in found:
        page = browser.get(f"/reference/api?operation={one.id}", headers={"HX-Request": "true"})
        assert page.status_code == 200
        assert f'data-path="/api/v1{one.path}" ' in page.text
        assert [name for name in one.arguments if f'data-in="path" data-name="{name}"' not in page.text] == []
        assert ('data-in="body"' in page.text) is (one.contract.takes is not None)
        assert "`" not in page.text  # what the document writes for Markdown is shown as code here
        assert " name=" not in page.text  # what is typed here never gets into an address


def test_the_menu_leads_there_and_what_is_not_there_is_not_found(
    bob: Person, sign_in: SignIn, stranger: Browser
) -> None:
    browser = sign_in(bob)

    assert 'href="/reference/api"' in browser.get("/").text
    assert browser.get("/reference/api?operation=nothing").status_code == 404
    assert stranger.get("/reference/api").status_code == 302
