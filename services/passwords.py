"""Passwords and link secrets: argon2 for what people choose, SHA-256 for what we draw at random."""

import hashlib
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from services.errors import Invalid

MIN_LENGTH = 10
MAX_LENGTH = 200  # argon2 reads it all; nobody types more

_hasher = PasswordHasher()


def hash_password(password: str, *, email: str = "", field: str = "password") -> str:
    if len(password) < MIN_LENGTH:
        raise Invalid("A password has at least %(count)s characters.", field=field, count=MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        raise Invalid("A password has at most %(count)s characters.", field=field, count=MAX_LENGTH)
    if len(set(password)) < 4 or password.lower() in (email.lower(), email.partition("@")[0].lower()):
        raise Invalid("This password is too easy to guess.", field=field)
    return _hasher.hash(password)


def verify(password_hash: str | None, password: str) -> bool:
    stand_in = _nobody()  # asked for even when not needed, so that its first making tells nothing either
    try:
        return _hasher.verify(password_hash or stand_in, password[:MAX_LENGTH]) and password_hash is not None
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """Checked when there is no such account, so that the answer takes as long as for a real one.

    Hashed when first needed: most processes never sign anybody in.
    """
    return _hasher.hash(secrets.token_hex(16))


def needs_rehash(password_hash: str) -> bool:
    return _hasher.check_needs_rehash(password_hash)


def new_secret(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """A random secret needs no slow hash: it cannot be guessed, and this one can be looked up."""
    return hashlib.sha256(secret.encode()).hexdigest()
