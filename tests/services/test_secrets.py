"""Secrets at rest: sealed, bound to their row, brought under a new key without anybody noticing."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from app import create_app
from models import AuditEntry, Secret, Tenant, db
from models.tenancy import as_system, as_tenant
from runtime import Outcome
from services import secrets
from services.errors import Forbidden, NotFound
from services.granted.facts import RunFacts
from services.key_ring import CannotDecrypt, KeyRing
from settings import Settings
from tests.conftest import Person, settings_for

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
OLD, NEW = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))


@pytest.fixture
def secret(app: Flask, alice: Person, acme: Tenant) -> Secret:
    with app.app_context(), as_tenant(db.session, acme.id):
        return secrets.create(alice.principal, "bank_api_key", VALUE)


def rows(app: Flask) -> list[Secret]:
    with app.app_context(), as_system(db.session):
        return list(db.session.scalars(select(Secret).order_by(Secret.name).options(undefer(Secret.ciphertext))))


def read(app: Flask, facts: RunFacts) -> str:
    with app.app_context(), as_tenant(db.session, facts.tenant_id):
        return secrets.read_in_run(facts, "bank_api_key")


def under(app: Flask, **environment: str) -> Flask:
    """The same database, seen by a process with other settings."""
    settings: Settings = app.extensions["settings"]
    return create_app(
        settings_for(settings.data_dir, DATABASE_URL=settings.database_url, REDIS_URL=settings.redis_url, **environment)
    )


def test_the_key_of_development_is_a_file_for_the_owner_only(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    ring = KeyRing.of(settings)

    assert KeyRing.of(settings) == ring
    assert ring.current_id == "development"
    assert (tmp_path / "development-secrets-key").stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "development-secrets-key"]
    (tmp_path / "other").mkdir()
    assert KeyRing.of(settings_for(tmp_path / "other")) != ring


def test_a_ring_opens_what_any_of_its_keys_sealed_and_nothing_else() -> None:
    old, both = KeyRing((("old", b"o" * 32),)), KeyRing((("new", b"n" * 32), ("old", b"o" * 32)))
    sealed = old.seal("value", "here")

    assert both.open("old", sealed, "here") == "value"
    assert both.seal("value", "here") != both.seal("value", "here")
    for ring, key, text, place in (
        (KeyRing((("new", b"n" * 32),)), "old", sealed, "here"), (both, "new", sealed, "here"), (both, "old", sealed, "there"),
        (both, "old", sealed[:-1], "here"), (both, "old", sealed[:-1] + bytes([sealed[-1] ^ 1]), "here"), (both, "old", b"", "here"),
    ):  # fmt: skip
        with pytest.raises(CannotDecrypt):
            ring.open(key, text, place)
    assert "nnnn" not in repr(both)


def test_a_secret_keeps_its_line_breaks_but_not_those_of_the_form(
    app: Flask, alice: Person, acme: Tenant, facts_of: Callable[..., RunFacts]
) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        secrets.create(alice.principal, "bank_api_key", "-----BEGIN-----\r\nabc\r\n-----END-----\r\n")
    assert read(app, facts_of(acme)) == "-----BEGIN-----\nabc\n-----END-----"


def test_a_ciphertext_moved_to_another_row_opens_nothing(
    app: Flask,
    secret: Secret,
    globex: Tenant,
    charlie: Person,
    facts_of: Callable[..., RunFacts],
    run: Callable[..., Outcome],
) -> None:
    """Somebody who can write to the database copies acme's secret over one of their own."""
    with app.app_context(), as_tenant(db.session, globex.id):
        own = secrets.create(charlie.principal, "bank_api_key", "our own value")
    with app.app_context(), as_system(db.session):
        stolen = rows(app)[0].ciphertext if rows(app)[0].id == secret.id else rows(app)[1].ciphertext
        db.session.execute(update(Secret).where(Secret.id == own.id).values(ciphertext=stolen))
        db.session.commit()

    out = run(facts_of(globex), "return await sdk.secrets.get('bank_api_key')")
    assert out.error.code == "INVALID_INPUT"
    assert VALUE not in str(out)


def test_rotation_brings_all_tenants_under_the_new_key(
    app: Flask, acme: Tenant, globex: Tenant, alice: Person, charlie: Person, facts_of: Callable[..., RunFacts]
) -> None:
    before = under(app, SECRET_KEYS=f"old:{OLD}")
    for tenant, person in ((acme, alice), (globex, charlie)):
        with before.app_context(), as_tenant(db.session, tenant.id):
            secrets.create(person.principal, "bank_api_key", f"{VALUE} of {tenant.slug}")
    after = under(app, SECRET_KEYS=f"new:{NEW},old:{OLD}")
    assert read(after, facts_of(acme)) == f"{VALUE} of acme"

    answer = after.test_cli_runner().invoke(args=["secrets", "rotate"])
    assert (answer.exit_code, answer.output.split()[0]) == (0, "2"), answer.output
    assert {row.key_id for row in rows(app)} == {"new"}
    alone = under(app, SECRET_KEYS=f"new:{NEW}")
    assert [read(alone, facts_of(tenant)) for tenant in (acme, globex)] == [f"{VALUE} of acme", f"{VALUE} of globex"]
    with alone.app_context():
        assert secrets.rotate() == 0
    with app.app_context(), as_system(db.session):
        assert {entry.tenant_id for entry in db.session.scalars(select(AuditEntry).where(AuditEntry.action == "secret.rotated"))} == {
            acme.id, globex.id}  # fmt: skip
    for one in (before, after, alone):
        with one.app_context():
            db.engine.dispose()


def test_setting_keys_for_the_first_time_loses_nothing(
    app: Flask, secret: Secret, acme: Tenant, facts_of: Callable[..., RunFacts]
) -> None:
    assert rows(app)[0].key_id == "development"
    later = under(app, SECRET_KEYS=f"new:{NEW}")
    assert read(later, facts_of(acme)) == VALUE
    with later.app_context():
        assert secrets.rotate() == 1
        db.engine.dispose()


def test_a_rotation_without_the_old_key_says_which_and_changes_nothing(app: Flask, secret: Secret) -> None:
    before = rows(app)[0].ciphertext
    with app.app_context(), as_system(db.session):
        db.session.execute(update(Secret).values(key_id="lost"))
        db.session.commit()
    later = under(app, SECRET_KEYS=f"new:{NEW}")
    answer = later.test_cli_runner().invoke(args=["secrets", "rotate"])

    assert answer.exit_code != 0
    assert "lost" in answer.output
    assert rows(app)[0].ciphertext == before
    with later.app_context():
        db.engine.dispose()


def test_production_without_keys_stands_on_the_secret_key(tmp_path: Path) -> None:
    one = KeyRing.of(settings_for(tmp_path, SECRET_KEY="x" * 32))
    other = KeyRing.of(settings_for(tmp_path, SECRET_KEY="y" * 32))

    assert one.current_id == other.current_id == "secret-key"
    assert one.open("secret-key", one.seal("v", "p"), "p") == "v"
    with pytest.raises(CannotDecrypt):
        other.open("secret-key", one.seal("v", "p"), "p")
    assert not os.listdir(tmp_path)


def test_services_ask_for_the_permission_again(app: Flask, secret: Secret, bob: Person, acme: Tenant) -> None:
    with app.app_context(), as_tenant(db.session, acme.id):
        for deed in (
            lambda: secrets.listed(bob.principal), lambda: secrets.get(bob.principal, secret.id),
            lambda: secrets.create(bob.principal, "mine", VALUE), lambda: secrets.change(bob.principal, secret.id, VALUE),
            lambda: secrets.delete(bob.principal, secret.id), lambda: secrets.scripts_naming(bob.principal, "bank_api_key"),
        ):  # fmt: skip
            with pytest.raises(Forbidden):
                deed()


def test_another_tenant_finds_no_secret_by_its_id(app: Flask, secret: Secret, charlie: Person, globex: Tenant) -> None:
    with app.app_context(), as_tenant(db.session, globex.id):
        for deed in (
            lambda: secrets.get(charlie.principal, secret.id),
            lambda: secrets.delete(charlie.principal, secret.id),
        ):
            with pytest.raises(NotFound):
                deed()
