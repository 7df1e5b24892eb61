"""Secrets of a tenant: written by people, read by scripts, never shown again. Every deed is audited, values nowhere."""

import logging
import re
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import undefer

from models.base import db, utcnow
from models.database import reading
from models.ids import uuid7
from models.script import Script
from models.secret import Secret
from models.tenancy import as_system
from runtime.errors import clipped
from services import audit
from services.audit import Target
from services.errors import Conflict, Invalid, NotFound
from services.granted.facts import RunFacts
from services.granted.redactor import SHORTEST
from services.identity import Principal, require
from services.key_ring import CannotDecrypt, KeyRing
from services.wiring import settings

log = logging.getLogger(__name__)
LONGEST = 16_384
MOST = 200
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
# A run a second would make each of them a write to one row; a minute's precision is what people look at.
_LAST_USED_PRECISION = timedelta(minutes=1)
_ROTATED_AT_ONCE = 100


# ---- for people


def listed(actor: Principal) -> list[Secret]:
    require(actor, "secrets.manage")
    return list(db.session.scalars(Secret.listed()))


def get(actor: Principal, secret_id: UUID) -> Secret:
    require(actor, "secrets.manage")
    secret = db.session.scalar(select(Secret).where(Secret.id == secret_id))
    if secret is None:
        raise NotFound("There is no such secret.")
    return secret


def scripts_naming(actor: Principal, name: str) -> list[Script]:
    """Scripts whose code has the name in quotes. One that puts it together from pieces is not among them."""
    require(actor, "secrets.manage")
    quoted = (f"{mark}{name}{mark}" for mark in "\"'`")
    named = or_(*(Script.source.contains(text, autoescape=True) for text in quoted))
    return list(db.session.scalars(Script.alive().where(named).order_by(Script.name)))


def create(actor: Principal, name: str, value: str, description: str = "") -> Secret:
    require(actor, "secrets.manage")
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise Invalid(
            "A name begins with a letter and has letters, digits, dots, hyphens and underscores.", field="name"
        )
    if (db.session.scalar(select(func.count()).select_from(Secret)) or 0) >= MOST:
        raise Conflict("A business has at most %(count)s secrets.", count=MOST)
    secret = Secret(id=uuid7(), name=name)
    _fill(actor, secret, value, description)
    if db.session.scalar(select(Secret.id).where(func.lower(Secret.name) == name.lower())):
        raise _taken(name)
    db.session.add(secret)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise _taken(name) from None
    audit.record(actor, "secret.created", _target(secret), after={"description": secret.description})
    db.session.commit()
    return secret


def change(actor: Principal, secret_id: UUID, value: str = "", description: str = "") -> Secret:
    """Without a value the old one stays."""
    secret = get(actor, secret_id)
    before = {"description": secret.description, "value": "kept"}
    _fill(actor, secret, value, description, keep=not value)
    after = {"description": secret.description, "value": "replaced" if value else "kept"}
    audit.record(actor, "secret.updated", _target(secret), before=before, after=after)
    db.session.commit()
    return secret


def delete(actor: Principal, secret_id: UUID) -> Secret:
    secret = get(actor, secret_id)
    audit.record(actor, "secret.deleted", _target(secret))
    db.session.delete(secret)
    db.session.commit()
    return secret


def _fill(actor: Principal, secret: Secret, value: str, description: str, keep: bool = False) -> None:
    description = " ".join(description.split())
    if len(description) > 500:
        raise Invalid("A description has at most 500 characters.", field="description")
    secret.description = description
    if not keep:
        _seal(actor, secret, value)
    secret.updated_by = actor.id


def _seal(actor: Principal, secret: Secret, value: str) -> None:
    # Forms send line breaks as CR LF, and pasting brings a last one along; keys are kept with LF and without it.
    value = value.replace("\r\n", "\n").strip("\n")
    if not SHORTEST <= len(value) <= LONGEST:
        raise Invalid(
            "A value has %(least)s to %(most)s characters: what is shorter could not be masked.",
            field="value", least=SHORTEST, most=LONGEST,
        )  # fmt: skip
    assert actor.tenant is not None
    ring = KeyRing.of(settings())
    secret.key_id, secret.ciphertext = ring.current_id, ring.seal(value, _place(actor.tenant.id, secret.id))


def _taken(name: str) -> Conflict:
    return Conflict("There is already a secret named “%(name)s”.", name=name)


def _target(secret: Secret) -> Target:
    return Target("secret", secret.id, secret.name)


def _place(tenant_id: UUID, secret_id: UUID) -> str:
    """What a ciphertext is bound to: copied into another row, or another tenant's, it cannot be opened."""
    return f"{tenant_id}/{secret_id}"


# ---- for runs


def read_in_run(facts: RunFacts, name: str) -> str:
    """The value of a secret; the session is bound to the run's tenant. Asked once a run and name: each time is audited."""
    secret, value = _opened(facts.tenant_id, name)
    _note_use(secret)
    audit.record(
        None, "secret.used", _target(secret), tenant_id=facts.tenant_id, actor_label=facts.script_name,
        after={"execution": str(facts.execution_id), "script": str(facts.script_id)},
    )  # fmt: skip
    db.session.commit()
    return value


def read_for_endpoint(tenant_id: UUID, name: str, label: str) -> str:
    """To check a signature; the session is bound to the tenant. Asked for every request, so audited once a minute."""
    with reading():
        secret, value = _opened(tenant_id, name)
        db.session.commit()
    if _note_use(secret):
        audit.record(None, "secret.used", _target(secret), tenant_id=tenant_id, actor_label=label)
        db.session.commit()
    return value


def _opened(tenant_id: UUID, name: str) -> tuple[Secret, str]:
    named = select(Secret).where(Secret.name == name).options(undefer(Secret.ciphertext))
    secret = db.session.scalar(named) if _NAME.fullmatch(name) else None
    if secret is None:
        raise NotFound("There is no secret named %(name)s.", name=clipped(name, 100))
    try:
        return secret, KeyRing.of(settings()).open(secret.key_id, secret.ciphertext, _place(tenant_id, secret.id))
    except CannotDecrypt as problem:
        log.error("the secret %s cannot be read: %s", secret.id, problem)
        raise Conflict("The secret %(name)s cannot be decrypted: ask whoever runs the workbench.", name=name) from None


def _note_use(secret: Secret) -> bool:
    """Whether it was long enough ago to be worth a write."""
    now = utcnow()
    if secret.last_used_at is not None and now - secret.last_used_at <= _LAST_USED_PRECISION:
        return False
    db.session.execute(
        update(Secret).where(Secret.id == secret.id).values(last_used_at=now, updated_at=Secret.updated_at)
    )  # fmt: skip  (being read is no change)
    return True


# ---- for operators


def rotate() -> int:
    """Brings every secret under the current key; the number of those that were not. May be stopped and run again."""
    ring, done = KeyRing.of(settings()), 0
    with as_system(db.session):
        while rows := list(db.session.scalars(_sealed_by_others(ring))):
            for secret in rows:
                _bring_under(ring, secret)
            _record_rotation(rows, ring)
            db.session.commit()
            done += len(rows)
    return done


def _sealed_by_others(ring: KeyRing) -> "Select[Secret]":
    query = select(Secret).where(Secret.key_id != ring.current_id).options(undefer(Secret.ciphertext))
    return query.order_by(Secret.id).limit(_ROTATED_AT_ONCE).with_for_update()


def _bring_under(ring: KeyRing, secret: Secret) -> None:
    place = _place(secret.tenant_id, secret.id)
    try:
        value = ring.open(secret.key_id, secret.ciphertext, place)
    except CannotDecrypt as problem:
        raise CannotDecrypt(f"{secret.name} (tenant {secret.tenant_id}) stays as it is: {problem}") from None
    secret.key_id, secret.ciphertext = ring.current_id, ring.seal(value, place)


def _record_rotation(rows: Iterable[Secret], ring: KeyRing) -> None:
    for tenant_id in {secret.tenant_id for secret in rows}:
        audit.record(None, "secret.rotated", tenant_id=tenant_id, actor_label="command line",
                     after={"key": ring.current_id})  # fmt: skip
