"""The page about the API in a real browser: what is typed becomes a request, and the answer is shown as it came."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from models import db
from models.tenancy import as_tenant
from services import process, tokens
from tests.conftest import Person

pytestmark = pytest.mark.browser


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def token(app: Flask, alice: Person) -> Iterator[str]:
    with app.app_context(), as_tenant(db.session, alice.principal.tenant.id):
        secret = tokens.create(alice.principal, "by hand", alice.principal.permissions).secret
    yield secret
    process.close(app)


def test_a_script_is_made_called_and_refused(signed_in: Callable[..., Page], alice: Person, token: str) -> None:
    page = signed_in(alice, locale="en")
    page.goto("/reference/api")
    send, status = page.get_by_role("button", name="Send"), page.locator("[data-answer=status]")
    body = page.locator("[data-answer=body]")

    send.click()
    expect(status).to_contain_text("401")
    page.get_by_label("API token").fill(token)
    page.get_by_label("Operation").select_option("scripts_create")
    expect(page.get_by_role("heading", name="POST /api/v1/scripts")).to_be_visible()
    page.get_by_role("textbox", name="Body").fill('{"name": "Who\'s there", "source": "return context.input"}')
    send.click()
    expect(status).to_contain_text("201")
    expect(page.locator("[data-answer=headers]")).to_contain_text("location: /api/v1/scripts/")

    page.get_by_label("Operation").select_option("executions_run_by_name")
    expect(page.get_by_role("heading", name="POST /api/v1/scripts/run/{name}")).to_be_visible()
    page.get_by_label("name", exact=True).fill("who's there")
    page.get_by_role("textbox", name="Body").fill('{"input": "it\'s me"}')
    send.click()
    expect(status).to_contain_text("200")
    expect(body).to_contain_text('"output": "it\'s me"')
    expect(page.locator("[data-answer=curl]")).to_contain_text(
        "/api/v1/scripts/run/who's%20there".replace("'", "'\\''")
    )
    expect(page.locator("[data-answer=curl]")).not_to_contain_text(token)
    assert token not in page.url
