"""Every page asked by everybody: Alice owns, Bob may only read, Charlie belongs elsewhere, a stranger is nobody."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from models import Role, Tenant, User, db
from models.tenancy import as_system, as_tenant
from services import roles, tokens
from tests.conftest import Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
# What nobody needs to be signed in for.
PUBLIC = {"static", "auth.sign_in", "auth.start_session", "auth.sign_out", "auth.accept_link", "health.live", "health.ready",
          "preferences.language", "preferences.theme", "dashboard.favicon", "hooks.answer", "api_document.show",
          "metrics.show"}  # fmt: skip
FOR_ADMINS = ["/users", "/users/invite", "/roles", "/roles/new", "/settings", "/audit"]
FOR_MEMBERS = ["/", "/profile", "/tokens", "/tokens/new", "/search", "/search?q=a"]


def test_every_route_says_who_may(app: Flask) -> None:
    silent = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in PUBLIC
        and not rule.endpoint.startswith("components.")
        and not hasattr(app.view_functions[rule.endpoint], "permission")
    ]
    assert silent == []


def test_alice_sees_every_page(alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)

    assert {path: browser.get(path).status_code for path in FOR_ADMINS + FOR_MEMBERS} == dict.fromkeys(
        FOR_ADMINS + FOR_MEMBERS, 200
    )
    assert browser.get("/tenants").status_code == 403


def test_bob_is_told_what_he_may_not(bob: Person, sign_in: SignIn) -> None:
    browser = sign_in(bob)

    assert {path: browser.get(path).status_code for path in FOR_MEMBERS} == dict.fromkeys(FOR_MEMBERS, 200)
    assert {path: browser.get(path).status_code for path in FOR_ADMINS} == dict.fromkeys(FOR_ADMINS, 403)
    page = browser.get("/").text
    assert [path for path in ("/users", "/audit", "/settings") if f'href="{path}"' in page] == []


@pytest.fixture
def things(app: Flask, alice: Person, acme: Tenant) -> list[str]:
    """One of each kind in acme, as POST addresses that name it."""
    with app.app_context(), as_tenant(db.session, acme.id):
        role = roles.create(alice.principal, "Cashier", ["scripts.read"])
        token = tokens.create(alice.principal, "billing", ["scripts.read"]).token
    return [
        f"/users/{alice.id}",
        f"/users/{alice.id}/link",
        f"/roles/{role.id}",
        f"/roles/{role.id}/delete",
        f"/tokens/{token.id}/revoke",
    ]


def test_charlie_finds_nothing_of_acme(things: list[str], charlie: Person, sign_in: SignIn) -> None:
    browser = sign_in(charlie)
    for path in things:
        browser.get("/profile")
        assert browser.post(path, name="x", first_name="x").status_code == 404, path


def test_bob_changes_nothing(things: list[str], bob: Person, sign_in: SignIn, app: Flask) -> None:
    browser = sign_in(bob)
    for path in [*things, "/users", "/roles", "/settings"]:
        browser.get("/profile")
        assert browser.post(path, name="x").status_code in (403, 404), path
    with app.app_context(), as_system(db.session):
        assert db.session.scalar(select(Role.name).where(Role.name_key == "cashier")) == "Cashier"


def test_a_stranger_is_sent_to_sign_in_and_back(stranger: Browser, app: Flask) -> None:
    for path in FOR_ADMINS + FOR_MEMBERS + ["/tenants"]:
        answer = stranger.get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/sign-in")


def test_a_strangers_fragment_sends_the_whole_window(stranger: Browser) -> None:
    answer = stranger.get("/audit", headers={"HX-Request": "true"})

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("/sign-in")


def test_programs_get_a_problem_document(client: object) -> None:
    answer = client.get("/api/v1/nothing-here")  # type: ignore[attr-defined]

    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_root_chooses_a_tenant_and_the_switch_is_audited(
    root: Person, acme: Tenant, alice: Person, sign_in: SignIn
) -> None:
    browser = sign_in(root)
    assert browser.get("/users").headers["Location"] == "/tenants"
    browser.get("/tenants")
    browser.post("/tenant", tenant_id=str(acme.id))

    assert "alice@acme.test" in browser.get("/users").text
    assert "root@dastgoh.test" in browser.get("/audit?action=tenant.switched").text


def test_alice_cannot_switch_tenants(alice: Person, globex: Tenant, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    browser.get("/profile")

    assert browser.post("/tenant", tenant_id=str(globex.id)).status_code == 403


def test_an_admin_cannot_be_left_out(alice: Person, sign_in: SignIn, app: Flask) -> None:
    with app.app_context(), as_system(db.session):
        viewer = db.session.scalars(select(Role.id).where(Role.name_key == "viewer")).first()
    browser = sign_in(alice)
    browser.get("/profile")
    answer = browser.post(f"/users/{alice.id}", first_name="A", last_name="", role_id=str(viewer), is_active="y")

    assert answer.status_code == 422
    with app.app_context(), as_system(db.session):
        assert db.session.get_one(User, alice.id).role_id != viewer


def test_search_finds_pages_and_people_but_never_beyond_the_reader(
    alice: Person, bob: Person, charlie: Person, sign_in: SignIn
) -> None:
    admin, viewer = sign_in(alice), sign_in(bob)

    assert f"/users/{bob.id}" in admin.get("/search?q=bob").text
    assert f"/users/{charlie.id}" not in admin.get("/search?q=charlie").text
    assert 'href="/audit"' in admin.get("/search?q=audit").text
    assert f"/users/{alice.id}" not in viewer.get("/search?q=alice").text
    assert admin.get("/search?q=%27%22%3Cscript%3E" + "x" * 500).status_code == 200


def test_a_nul_is_refused_wherever_it_stands(alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)

    assert {
        browser.get(f"{path}=%00x").status_code for path in ("/search?q", "/users?q", "/audit?actor", "/audit?action")
    } == {400}
    browser.get("/profile")
    assert browser.post("/profile", first_name="a\0b").status_code == 400


def test_a_chosen_time_zone_is_shown_again_and_a_made_up_one_is_refused(alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    fields = {"first_name": "A", "last_name": "K", "language": "en", "theme": "dark"}
    browser.get("/profile")
    assert browser.post("/profile", **fields, timezone="Europe/Berlin").status_code == 303
    assert '<option value="Europe/Berlin" selected>' in browser.get("/profile").text
    assert browser.post("/profile", **fields, timezone="Mars/Base").status_code == 422
