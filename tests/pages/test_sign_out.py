"""Signing out ends that session: copies of its cookies stand for nobody, and other browsers of the same person go on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask_login import encode_cookie
from sqlalchemy import event, func, select, update

from app import create_app
from models import EndedSession, Tenant, db
from models.base import utcnow
from models.ids import made_at, uuid7
from models.tenancy import as_system
from services import accounts, sessions
from tests.conftest import PASSWORD, Person
from tests.support.http import Browser

SignIn = Callable[[Person], Browser]
SESSION, REMEMBER = "dastgoh_session", "dastgoh_remember"
one_database = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def copy_of(browser: Browser, *names: str, app: Flask | None = None) -> Browser:
    """Somebody with copies of the cookies, maybe at another process."""
    thief = Browser(app or browser.client.application)
    for name in names or (SESSION, REMEMBER):
        if cookie := browser.client.get_cookie(name):
            thief.client.set_cookie(name, cookie.value)
    return thief


def is_in(browser: Browser) -> bool:
    answer = browser.get("/profile")
    assert answer.status_code == 200 or answer.headers["Location"].startswith("/sign-in")
    return answer.status_code == 200


def leave(browser: Browser) -> None:
    browser.get("/profile")
    assert browser.post("/sign-out").headers["Location"] == "/sign-in"


@pytest.fixture
def remembered(app: Flask) -> Callable[[Person], Browser]:
    def enter(person: Person) -> Browser:
        browser = Browser(app)
        assert browser.post("/sign-in", email=person.email, password=PASSWORD, remember="y").status_code == 302
        assert browser.client.get_cookie(REMEMBER) is not None
        return browser

    return enter


def test_copies_of_a_sessions_cookies_end_with_it_in_every_process(
    app: Flask, alice: Person, remembered: SignIn
) -> None:
    here, elsewhere = remembered(alice), remembered(alice)
    another_process = create_app(app.extensions["settings"])
    copies = [copy_of(here, name, app=process) for name in (SESSION, REMEMBER) for process in (app, another_process)]
    assert all(is_in(thief) for thief in copies)
    taken_from_a_copy = copy_of(copies[-1])

    leave(here)
    app.extensions["redis"].flushdb()

    assert not any(is_in(thief) for thief in [*copies, taken_from_a_copy, here])
    assert is_in(elsewhere)
    assert is_in(copy_of(elsewhere, REMEMBER))
    with another_process.app_context():
        db.engine.dispose()


@one_database
def test_what_is_left_of_the_cookies_is_nothing(alice: Person, remembered: SignIn) -> None:
    browser = remembered(alice)
    leave(browser)
    assert [browser.client.get_cookie(name) for name in (SESSION, REMEMBER)] == [None, None]


def test_who_signs_out_twice_is_signed_out(app: Flask, alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    browser.get("/profile")
    copies = [copy_of(browser) for _ in range(4)]
    for copy in copies:
        copy._token = browser._token
    with ThreadPoolExecutor(4) as together:
        answers = list(together.map(lambda copy: copy.post("/sign-out"), copies))

    assert {answer.headers["Location"] for answer in answers} == {"/sign-in"}
    assert not is_in(browser)
    with app.app_context(), as_system(db.session):
        assert db.session.scalar(select(func.count(EndedSession.id))) == 1


def test_a_superadmins_session_is_one_in_every_tenant(
    app: Flask, root: Person, acme: Tenant, globex: Tenant, remembered: SignIn
) -> None:
    browser = remembered(root)
    copies = [copy_of(browser)]
    for tenant in (acme, globex):
        browser.get("/tenants")
        assert browser.post("/tenant", tenant_id=str(tenant.id)).status_code == 302
        copies.append(copy_of(browser))
    assert all(is_in(thief) for thief in copies)
    there = copies[-1].get("/profile")
    assert "Globex" in there.text

    leave(browser)

    assert not any(is_in(thief) for thief in copies)
    with app.app_context(), as_system(db.session):
        assert db.session.scalars(select(EndedSession.tenant_id)).all() == [None]  # not the tenant acted in


def test_a_superadmin_who_is_in_no_tenant_signs_out(root: Person, sign_in: SignIn) -> None:
    browser = sign_in(root)
    copy = copy_of(browser)
    browser.get("/tenants")
    assert browser.post("/sign-out").headers["Location"] == "/sign-in"
    assert not is_in(copy)


@one_database
def test_signing_out_ends_the_session_of_a_remembered_one_underneath(
    alice: Person, bob: Person, remembered: SignIn
) -> None:
    """Bob signs in, from a page left open, over Alice's session."""
    browser = remembered(alice)
    alices = copy_of(browser, REMEMBER)
    assert browser.post("/sign-in", email=bob.email, password=PASSWORD).status_code == 302
    assert bob.email in browser.get("/profile").text

    leave(browser)

    assert not is_in(alices)
    assert not is_in(browser)


@one_database
def test_a_new_password_begins_a_session_that_ends_by_itself(alice: Person, sign_in: SignIn) -> None:
    browser = sign_in(alice)
    browser.get("/profile")
    assert (
        browser.post(
            "/profile/password", current=PASSWORD, password="another good one", again="another good one"
        ).status_code
        == 303
    )
    copy = copy_of(browser)
    assert is_in(copy)
    leave(browser)
    assert not is_in(copy)


@one_database
@pytest.mark.parametrize("rest", ["", ".", ".None", ".x", ".0-0", f".{UUID(int=0)}", f".{UUID(int=2**128 - 1)}", f".{uuid7()}.x"],
                         ids=range(8))  # fmt: skip
def test_cookies_of_before_and_odd_ones_lead_to_signing_in(
    app: Flask, alice: Person, sign_in: SignIn, rest: str
) -> None:
    said = f"{alice.id}.{alice.principal.session_epoch}{rest}"
    old = sign_in(alice)
    with old.client.session_transaction() as kept:
        kept["_user_id"] = said
    with app.app_context():
        old.client.set_cookie(REMEMBER, encode_cookie(said))

    assert not is_in(old)
    assert old.post("/sign-out").headers["Location"] == "/sign-in"
    assert old.post("/sign-in", email=alice.email, password=PASSWORD).status_code == 302
    assert is_in(old)


@one_database
def test_no_session_goes_on_for_longer_than_a_year(
    app: Flask, alice: Person, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in(alice)
    monkeypatch.setattr(sessions, "utcnow", lambda: utcnow() + sessions.LASTS - timedelta(minutes=5))
    assert is_in(browser)
    monkeypatch.setattr(sessions, "utcnow", lambda: utcnow() + sessions.LASTS + timedelta(minutes=5))
    assert not is_in(browser)


def test_an_ended_session_is_forgotten_when_it_would_be_too_old(app: Flask, alice: Person, remembered: SignIn) -> None:
    browser = remembered(alice)
    copy = copy_of(browser)
    leave(browser)
    with app.app_context(), as_system(db.session):
        sessions.prune()
        began = made_at(db.session.scalars(select(EndedSession.id)).one())
        assert abs(began - utcnow()) < timedelta(minutes=5)
        db.session.execute(update(EndedSession).values(created_at=utcnow() - sessions.LASTS - timedelta(hours=1)))
        db.session.commit()
        sessions.prune()
        assert db.session.scalars(select(EndedSession)).all() != []
        db.session.execute(update(EndedSession).values(created_at=utcnow() - sessions.LASTS - timedelta(days=2)))
        db.session.commit()
        sessions.prune()
        assert db.session.scalars(select(EndedSession)).all() == []
    assert is_in(copy)  # it was too young for that


@one_database
def test_it_is_asked_in_the_statement_that_loads_the_user(app: Flask, alice: Person) -> None:
    asked: list[str] = []
    with app.app_context():
        principal = replace(alice.principal, session_id=uuid7())
        event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        ticket = sessions.Ticket.read(principal.get_id())
        assert accounts.load_session(ticket) == principal
    assert len([said for said in asked if "SELECT" in said]) == 1


@one_database
@pytest.mark.parametrize("cookie", ["", "x", "|", "x|é", "é|" + "0" * 128, "|" * 9], ids=range(6))
def test_a_remember_cookie_that_is_not_ours_is_nobodys(stranger: Browser, cookie: str) -> None:
    stranger.client.set_cookie(REMEMBER, cookie)
    assert not is_in(stranger)
    assert stranger.get("/sign-in").status_code == 200
