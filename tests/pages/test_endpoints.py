"""Pages of endpoints: who may, what the form keeps, and the console that calls for real."""

import html
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from models import Endpoint, Execution, Script, Tenant, db
from models.tenancy import as_system, as_tenant
from services import endpoints, process, scripts, secrets
from services.endpoints import Changes
from tests.conftest import Person

FIELDS = {"path": "orders/:id", "methods": ["POST", "GET"], "auth": "token", "mode": "sync", "preset": "plain", "preset_shown": "plain",
          "signature_algorithm": "sha256", "signature_encoding": "hex"}  # fmt: skip


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def script(app: Flask, alice: Person, acme: Tenant) -> Iterator[Script]:
    with app.app_context(), as_tenant(db.session, acme.id):
        made = scripts.create(
            alice.principal, scripts.Changes(name="Приём заказов", source="return context.request.body")
        )
    yield made
    process.close(app)


@pytest.fixture
def make(app: Flask, alice: Person, acme: Tenant, script: Script):
    def endpoint(path: str = "orders", **changes):
        with app.app_context(), as_tenant(db.session, acme.id):
            return endpoints.create(alice.principal, script.id, Changes(path=path, **changes))

    return endpoint


@pytest.fixture
def endpoint(make) -> Endpoint:
    return make()


@pytest.fixture
def pages(script: Script, endpoint: Endpoint) -> list[str]:
    return [
        "/endpoints",
        f"/scripts/{script.id}/endpoints",
        f"/endpoints/{endpoint.id}",
        f"/endpoints/{endpoint.id}/requests",
    ]


@pytest.fixture
def deeds(script: Script, endpoint: Endpoint) -> list[str]:
    here = f"/endpoints/{endpoint.id}"
    return [f"/scripts/{script.id}/endpoints", here, f"{here}/enabled", f"{here}/delete", f"{here}/try"]


def kept(app: Flask) -> list[Endpoint]:
    with app.app_context(), as_system(db.session):
        return list(db.session.scalars(select(Endpoint).order_by(Endpoint.id)))


def runs(app: Flask) -> list[Execution]:
    with app.app_context(), as_system(db.session):
        return list(db.session.scalars(select(Execution).order_by(Execution.id)))


def shown(answer) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))


def test_alice_sees_every_page(pages, alice, sign_in):
    browser = sign_in(alice)
    assert {path: browser.get(path).status_code for path in pages} == dict.fromkeys(pages, 200)
    assert 'href="/endpoints"' in browser.get("/").text


def test_bob_looks_and_changes_nothing(app, pages, deeds, script, endpoint, bob, sign_in):
    browser = sign_in(bob)
    assert {path: browser.get(path).status_code for path in pages} == dict.fromkeys(pages, 200)
    assert browser.get(f"/scripts/{script.id}/endpoints/new").status_code == 403
    for path in deeds:
        browser.get("/profile")
        assert browser.post(path, **FIELDS).status_code == 403, path
    page = browser.get(f"/endpoints/{endpoint.id}").text
    assert "Save endpoint" not in page and "Delete" not in page and "Send the request" not in page
    assert 'fieldset class="stack" disabled' in page
    assert [row.enabled for row in kept(app)] == [True] and runs(app) == []


def test_charlie_finds_nothing(app, pages, deeds, script, charlie, sign_in):
    browser = sign_in(charlie)
    for path in [*pages[1:], f"/scripts/{script.id}/endpoints/new"]:
        assert browser.get(path).status_code == 404, path
    assert "orders" not in shown(browser.get("/endpoints"))
    for path in deeds:
        browser.get("/profile")
        assert browser.post(path, **FIELDS).status_code == 404, path
    assert len(kept(app)) == 1 and runs(app) == []


def test_a_stranger_is_sent_to_sign_in(pages, stranger):
    for path in pages:
        assert stranger.get(path).headers["Location"].startswith("/sign-in"), path


def test_an_endpoint_is_made_changed_paused_and_deleted(app, script, alice, sign_in):
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/endpoints/new")
    answer = browser.post(f"/scripts/{script.id}/endpoints", **FIELDS, rate_per_minute="60", body_limit_kib="5", timeout_s="",
                          cors_origins="https://a.example, https://b.example")  # fmt: skip
    assert answer.status_code == 303, shown(answer)
    [made] = kept(app)
    assert (made.path, made.methods, made.auth, made.mode) == ("orders/:id", ["GET", "POST"], "token", "sync")
    assert made.options == {"rate_per_minute": 60, "body_limit_bytes": 5120,
                            "cors": {"origins": ["https://a.example", "https://b.example"], "headers": [], "max_age_s": 600}}  # fmt: skip
    here = answer.headers["Location"]
    page = browser.get(here)
    assert "http://localhost/hooks/acme/orders/:id" in page.text and "Authorization: Bearer $TOKEN" in shown(page)
    assert "/orders/:id" in shown(browser.get(f"/scripts/{script.id}/triggers")) or "endpoints" in page.text

    browser.get(here)
    assert browser.post(here, **{**FIELDS, "path": "bills", "auth": "public", "methods": ["GET"]}).status_code == 303
    assert (kept(app)[0].path, kept(app)[0].auth, kept(app)[0].methods, kept(app)[0].options) == (
        "bills",
        "public",
        ["GET"],
        {},
    )

    for enabled, status in (("0", 404), ("1", 204)):
        browser.get(here)
        browser.post(f"{here}/enabled", enabled=enabled)
        assert app.test_client().get("/hooks/acme/bills").status_code == status

    browser.get(here)
    assert browser.post(f"{here}/delete").headers["Location"] == f"/scripts/{script.id}/triggers"
    assert kept(app) == []


def test_a_form_that_does_not_show_something_does_not_lose_it(app, make, alice, sign_in):
    endpoint = make(
        options={
            "body_limit_bytes": 1500,
            "cors": {"origins": ["*"], "headers": ["x-a"], "max_age_s": 5},
            "forward_authorization": True,
        }
    )
    browser = sign_in(alice)
    page = browser.get(f"/endpoints/{endpoint.id}").text
    assert 'value="1"' in page
    browser.post(
        f"/endpoints/{endpoint.id}",
        **{**FIELDS, "path": "orders"},
        body_limit_kib="1",
        cors_origins="*",
        forward_authorization="y",
    )
    assert kept(app)[0].options == endpoint.options


@pytest.mark.parametrize(
    ("preset", "header"),
    [("github", "X-Hub-Signature-256"), ("stripe", "Stripe-Signature"), ("shopify", "X-Shopify-Hmac-Sha256")],
)
def test_a_sender_that_was_chosen_brings_how_it_signs(app, script, alice, sign_in, preset, header):
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/endpoints/new")
    answer = browser.post(
        f"/scripts/{script.id}/endpoints",
        **{**FIELDS, "auth": "signature", "preset": preset},
        signature_secret="shop_key",
    )
    scheme = kept(app)[0].options["signature"]
    assert (scheme["header"], scheme["secret"]) == (header, "shop_key")
    page = browser.get(answer.headers["Location"])
    assert f'<option selected value="{preset}">' in page.text or f'value="{preset}" selected' in page.text
    assert "The secret is missing" in page.text and f"{header}: " in shown(page)
    assert "openssl dgst -sha256" in shown(page)


@pytest.mark.parametrize(("wrong", "sentence"), [
    ({"path": "../etc"}, "“..” cannot be part of a path"), ({"path": ""}, "This field is required."), ({"methods": []}, "Choose at least one method"),
    ({"auth": "signature"}, "This field is required."), ({"auth": "signature", "signature_secret": "ключ"}, "A name begins with a letter"),
    ({"rate_per_minute": "0"}, "Number must be between"),
    ({"cors_origins": "shop.example"}, "Origins are written like"), ({"auth": "signature", "signature_secret": "k", "preset": "custom",
      "preset_shown": "custom", "signature_header": "X", "signature_payload": "x", "signature_tolerance_s": "5"}, "What is signed holds {body} once"),
])  # fmt: skip
def test_what_is_wrong_is_said_under_its_field_and_nothing_is_lost(app, script, alice, sign_in, wrong, sentence):
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/endpoints/new")
    answer = browser.post(f"/scripts/{script.id}/endpoints", **{**FIELDS, "timeout_s": "7", **wrong})
    assert answer.status_code == 422 and sentence in shown(answer)
    assert 'value="7"' in answer.text and kept(app) == []


def test_a_taken_path_names_the_script_that_has_it(app, endpoint, script, alice, sign_in):
    browser = sign_in(alice)
    browser.get(f"/scripts/{script.id}/endpoints/new")
    answer = browser.post(f"/scripts/{script.id}/endpoints", **{**FIELDS, "path": "orders"})
    assert answer.status_code == 422 and "of the script “Приём заказов”" in shown(answer)


# ---- the console


def send(browser, endpoint, fields, headers=None):
    """One of the console's fields is called headers, as is what a request has."""
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(f"/endpoints/{endpoint.id}").text)[1]
    address, given = f"/endpoints/{endpoint.id}/try", {"csrf_token": token, **fields}
    return browser.client.post(address, data=given, headers={"HX-Request": "true"} if headers is None else headers)


def test_the_console_calls_for_real_and_leads_to_the_run(app, make, alice, sign_in):
    endpoint = make("orders/:id")
    browser = sign_in(alice)
    browser.get(f"/endpoints/{endpoint.id}")
    sent = {
        "method": "POST",
        "path": "orders/17",
        "query": "a=1",
        "headers": "Content-Type: application/json\nX-A: b",
        "body": '{"total": 5}',
    }
    answer = send(browser, endpoint, sent)
    [run] = runs(app)
    assert answer.status_code == 200 and 'data-answered="200"' in answer.text and '{"total":5}' in shown(answer)
    assert f'href="/executions/{run.id}"' in answer.text and "Content-Security-Policy: sandbox" in shown(answer)
    assert (run.trigger, run.trigger_id, run.user_id, run.status) == ("http", endpoint.id, alice.id, "succeeded")
    assert "POST /orders/17" in shown(browser.get(f"/endpoints/{endpoint.id}/requests"))
    browser.get(f"/endpoints/{endpoint.id}")
    whole = send(browser, endpoint, sent, {})  # where scripts are off
    assert "Save endpoint" in whole.text and 'value="orders/17"' in whole.text and 'data-answered="200"' in whole.text


def test_the_console_signs_without_showing_the_secret(app, make, alice, acme, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        secrets.create(alice.principal, "shop_key", "nobody sees this value")
    endpoint = make(auth="signature", options={"signature": {"preset": "stripe", "secret": "shop_key"}})
    browser = sign_in(alice)
    browser.get(f"/endpoints/{endpoint.id}")
    answer = browser.post(
        f"/endpoints/{endpoint.id}/try", headers={"HX-Request": "true"}, method="POST", path="orders", body="{}"
    )
    assert 'data-answered="200"' in answer.text or 'data-answered="204"' in answer.text
    assert "nobody sees" not in answer.text + browser.get(f"/endpoints/{endpoint.id}").text
    assert "tells no time" not in browser.get(f"/endpoints/{endpoint.id}").text
    timeless = make("pushes", auth="signature", options={"signature": {"preset": "github", "secret": "shop_key"}})
    assert "tells no time" in browser.get(f"/endpoints/{timeless.id}").text
    assert len(runs(app)) == 1


@pytest.mark.parametrize(("sent", "status"), [
    ({"path": "nowhere"}, 404), ({"path": "../../admin"}, 404), ({"path": ""}, 404), ({"path": "orders", "method": "TRACE"}, 200),
    ({"path": "orders", "body": "x" * 2_000}, 413), ({"path": "orders", "headers": "Content-Type: application/json", "body": "{"}, 400),
    ({"path": "заказы/я", "query": "ю=я"}, 404), ({"path": "orders", "headers": "нет\r\n: x\nSet-Cookie"}, 200),
    ({"path": "x/" * 900}, 404), ({"path": "orders", "headers": "X: " + "y" * 40_000}, 431),
])  # fmt: skip
def test_the_console_takes_whatever_is_typed(app, make, alice, sign_in, sent, status):
    endpoint = make(options={"body_limit_bytes": 1000}, methods=["POST"])
    browser = sign_in(alice)
    browser.get(f"/endpoints/{endpoint.id}")
    given = {"method": "POST", "body": "1", **sent}
    answer = send(browser, endpoint, given)
    assert answer.status_code == 200 and f'data-answered="{status}"' in answer.text, shown(answer)


@pytest.mark.parametrize(("source", "said"), [
    ("return {body: 'ab'.repeat(20_000)}", "Only the beginning is shown; the whole is 39.1\u00a0KB."),
    ("return {body: '/w==', encoding: 'base64'}", "Not text: 1\u00a0B."),
])  # fmt: skip
def test_the_console_says_what_it_does_not_show(app, alice, acme, sign_in, source, said):
    with app.app_context(), as_tenant(db.session, acme.id):
        made = scripts.create(alice.principal, scripts.Changes(name="Much", source=source))
        endpoint = endpoints.create(alice.principal, made.id, Changes(path="much"))
    browser = sign_in(alice)
    answer = send(browser, endpoint, {"method": "POST", "path": "much"})
    assert said in answer.text and ("abab" in answer.text) == ("beginning" in said)
    process.close(app)


def test_a_script_that_returns_markup_shows_it_as_text(app, alice, acme, sign_in):
    with app.app_context(), as_tenant(db.session, acme.id):
        made = scripts.create(
            alice.principal, scripts.Changes(name="Evil", source="return {body: '<script>alert(1)</script>'}")
        )
        endpoint = endpoints.create(alice.principal, made.id, Changes(path="evil"))
    browser = sign_in(alice)
    browser.get(f"/endpoints/{endpoint.id}")
    answer = browser.post(f"/endpoints/{endpoint.id}/try", headers={"HX-Request": "true"}, method="POST", path="evil")
    assert "&lt;script&gt;alert(1)" in answer.text and "<script>" not in answer.text
    process.close(app)
