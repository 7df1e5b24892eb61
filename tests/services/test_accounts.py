"""Getting in, staying in, and being kept out."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError

import logs
from models import AuditEntry, Role, User, db
from models.base import utcnow
from models.tenancy import as_system, bind
from services import accounts, demo, passwords, roles, tokens, users
from services.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited
from services.identity import Principal
from tests.conftest import PASSWORD, Person

Enter = Callable[[Person], Principal]


@pytest.fixture(autouse=True)
def from_an_address(app: Flask) -> Iterator[None]:
    token = logs.remote_ip.set("192.0.2.1")
    yield
    logs.remote_ip.reset(token)


def audited() -> list[tuple[str, str]]:
    with as_system(db.session):
        rows = db.session.execute(
            select(AuditEntry.action, AuditEntry.actor_label).order_by(AuditEntry.created_at, AuditEntry.id)
        )
        return [tuple(row) for row in rows]


def test_it_lets_in_who_knows_the_password(session: object, alice: Person) -> None:
    principal = accounts.sign_in(" Alice@ACME.test ", PASSWORD)

    assert principal.tenant is not None
    assert principal.tenant.slug == "acme"
    assert audited()[-1] == ("auth.signed_in", "alice@acme.test")


@pytest.mark.parametrize(
    ("email", "password"), [("alice@acme.test", "wrong"), ("nobody@acme.test", PASSWORD), ("", "")]
)
def test_it_refuses_everybody_else_with_one_sentence(session: object, alice: Person, email: str, password: str) -> None:
    with pytest.raises(Invalid, match="do not match"):
        accounts.sign_in(email, password)

    assert audited()[-1] == ("auth.sign_in_failed", email)


def test_an_unknown_account_costs_the_same_work(session: object, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    monkeypatch.setattr(passwords, "verify", lambda hashed, _password: bool(asked.append(hashed)))

    with pytest.raises(Invalid):
        accounts.sign_in("nobody@acme.test", PASSWORD)

    assert asked == [None]  # and passwords.verify checks a hash all the same:
    monkeypatch.undo()
    assert not passwords.verify(None, PASSWORD)


def test_after_five_failures_even_the_right_password_waits(session: object, alice: Person) -> None:
    for _ in range(5):
        with pytest.raises(Invalid):
            accounts.sign_in("alice@acme.test", "wrong")
    with pytest.raises(RateLimited) as refusal:
        accounts.sign_in("alice@acme.test", PASSWORD)

    assert 0 < refusal.value.resets_in <= 15 * 60
    logs.remote_ip.set("192.0.2.2")
    assert accounts.sign_in("alice@acme.test", PASSWORD)  # an attacker elsewhere does not lock her out


def test_it_works_without_redis(session: object, alice: Person, app: Flask) -> None:
    app.extensions["redis"] = type(app.extensions["redis"]).from_url("unix:///nowhere/redis.sock")

    assert accounts.sign_in("alice@acme.test", PASSWORD)


def test_a_deactivated_user_is_out_at_once(session: object, alice: Person, bob: Person, as_person: Enter) -> None:
    who = as_person(alice)
    token = tokens.create_for(users.find_by_email("acme", bob.email), "x")
    bind(db.session, who.tenant.id if who.tenant else None)
    row = users.get(who, bob.id)  # type: ignore[arg-type]
    users.update(who, row.id, first_name="Bob", last_name="", role_id=row.role_id, is_active=False)  # type: ignore[arg-type]

    assert accounts.load(bob.id, bob.principal.session_epoch) is None  # type: ignore[arg-type]
    assert tokens.load(token.secret) is None
    with pytest.raises(Invalid):
        accounts.sign_in(bob.email, PASSWORD)


def test_a_new_password_ends_the_other_sessions(session: object, alice: Person) -> None:
    with pytest.raises(Invalid):
        accounts.change_password(alice.principal, "wrong", "another good one")
    renewed = accounts.change_password(alice.principal, PASSWORD, "another good one")

    assert accounts.load(alice.id, alice.principal.session_epoch) is None  # type: ignore[arg-type]
    assert accounts.load(alice.id, renewed.session_epoch) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "x" * 201, "alice@acme.test"])
def test_a_weak_password_is_refused(session: object, password: str) -> None:
    with pytest.raises(Invalid):
        passwords.hash_password(password, email="alice@acme.test")


def test_an_invitation_works_once(session: object, alice: Person, as_person: Enter) -> None:
    who = as_person(alice)
    role = roles.listed(who)[-1]
    made = users.invite(who, "New@Acme.test", role.id)
    bind(db.session, None)

    assert accounts.invitee(made.secret).email == "new@acme.test"
    joined = accounts.accept_link(made.secret, "my own good words", first_name="New", last_name="Person")

    assert joined.tenant == alice.principal.tenant
    assert accounts.sign_in("new@acme.test", "my own good words")
    with pytest.raises(NotFound):
        accounts.accept_link(made.secret, "my own good words", first_name="", last_name="")


def test_an_expired_link_and_a_made_up_one_find_nothing(session: object, alice: Person, as_person: Enter) -> None:
    who = as_person(alice)
    made = users.renew_link(who, who.id)
    with as_system(db.session):
        db.session.execute(update(User).values(link_expires_at=utcnow() - timedelta(seconds=1)))
        db.session.commit()
    for secret in (made.secret, "made up", ""):
        with pytest.raises(NotFound):
            accounts.invitee(secret)


def test_an_address_is_one_account_in_any_spelling(
    session: object, alice: Person, charlie: Person, as_person: Enter
) -> None:
    who = as_person(alice)
    with pytest.raises(Conflict):
        users.invite(who, "CHARLIE@globex.TEST", roles.listed(who)[0].id)


def test_the_last_admin_stays(
    session: object, alice: Person, make_user: Callable[..., Person], acme: object, as_person: Enter
) -> None:
    other = make_user("second@acme.test", acme)
    who = as_person(alice)
    viewer = next(role for role in roles.listed(who) if role.name == "viewer")
    users.update(who, other.id, first_name="", last_name="", role_id=viewer.id, is_active=True)  # type: ignore[arg-type]

    with pytest.raises(Invalid):
        users.update(who, who.id, first_name="", last_name="", role_id=viewer.id, is_active=True)


def test_nobody_rises_above_themselves(
    session: object, alice: Person, as_person: Enter, make_user: Callable[..., Person], acme: object
) -> None:
    roles.create(as_person(alice), "Clerk", ["users.manage", "scripts.read"])
    clerk = make_user("clerk@acme.test", acme, role="clerk").principal
    admin = next(role for role in roles.listed(clerk) if role.name == "admin")

    with pytest.raises(Forbidden):
        users.invite(clerk, "friend@acme.test", admin.id)
    with pytest.raises(Forbidden):
        users.renew_link(clerk, alice.id)  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        roles.create(clerk, "Shadow", ["secrets.manage"])
    with pytest.raises(Invalid):
        tokens.create(clerk, "wide", ["secrets.manage"])
    with pytest.raises(Invalid):
        roles.create(alice.principal, "God", ["tenants.manage"])


def test_a_token_does_what_its_scopes_and_its_owner_both_may(session: object, alice: Person, as_person: Enter) -> None:
    made = tokens.create(as_person(alice), "billing", ["scripts.read", "scripts.execute"])
    bind(db.session, None)
    loaded = tokens.load(made.secret)

    assert loaded is not None
    assert loaded.permissions == {"scripts.read", "scripts.execute"}
    assert tokens.load(made.secret + "x") is None
    with as_system(db.session):
        db.session.execute(update(Role).values(permissions=["scripts.read"]))
        db.session.commit()
    narrowed = tokens.load(made.secret)
    assert narrowed is not None
    assert narrowed.permissions == {"scripts.read"}


def test_a_revoked_or_expired_token_is_nobody(session: object, alice: Person, as_person: Enter) -> None:
    who = as_person(alice)
    revoked = tokens.create(who, "a", ["scripts.read"])
    expired = tokens.create(who, "b", ["scripts.read"], utcnow() + timedelta(seconds=60))
    tokens.revoke(who, revoked.token.id)
    expired.token.expires_at = utcnow() - timedelta(seconds=1)
    db.session.commit()

    assert tokens.load(revoked.secret) is None
    assert tokens.load(expired.secret) is None


def test_demo_accounts_exist_only_in_development(session: object, app: Flask) -> None:
    demo.seed()
    assert accounts.sign_in("admin@acme.test", demo.PASSWORD).role_name == "admin"
    assert len(demo.seeded_accounts()) == 7
    app.extensions["settings"] = type(app.extensions["settings"]).from_env({"SECRET_KEY": "x" * 40})

    assert demo.seeded_accounts() == []
    with pytest.raises(Invalid):
        accounts.sign_in("admin@acme.test", demo.PASSWORD)
    with pytest.raises(Conflict):
        demo.seed()


def test_the_audit_log_is_only_ever_added_to(session: object, alice: Person) -> None:
    accounts.sign_in("alice@acme.test", PASSWORD)
    with as_system(db.session):
        entry = db.session.scalars(select(AuditEntry)).first()
        assert entry is not None
        entry.actor_label = "somebody else"
        with pytest.raises(RuntimeError):
            db.session.flush()
        db.session.rollback()
        for statement in (
            update(AuditEntry).values(actor_label="x"),
            delete(AuditEntry),
            text("DELETE FROM audit_entries"),
        ):
            with pytest.raises(SQLAlchemyError):
                db.session.execute(statement)
            db.session.rollback()
