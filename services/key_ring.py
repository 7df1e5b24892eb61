"""The keys that encrypt secrets at rest: AES-256-GCM, each ciphertext bound to the place it was made for.

The first key encrypts, all of them decrypt; `flask secrets rotate` brings what is old under the first.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.errors import ServiceError
from settings import Settings

# The id of the key that stands in for SECRET_KEYS while that is not set.
STANDING_IN = "secret-key"
DEVELOPMENT = "development"
_NONCE_BYTES = 12


class CannotDecrypt(ServiceError):
    """The key is gone, or somebody moved or changed the ciphertext. For operators: people and scripts are told less."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    keys: tuple[tuple[str, bytes], ...] = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "KeyRing":
        """SECRET_KEYS, and behind them the key used before they were set, so that setting them loses nothing."""
        if settings.secret_key:
            before = (STANDING_IN, _derived(settings.secret_key))
        else:
            before = (DEVELOPMENT, _kept_in(settings.data_dir / "development-secrets-key"))
        return cls((*settings.secret_keys, before))

    @property
    def current_id(self) -> str:
        return self.keys[0][0]

    def seal(self, text: str, place: str) -> bytes:
        """With the current key. `place` must be the same when it is opened."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.keys[0][1]).encrypt(nonce, text.encode(), place.encode())

    def open(self, key_id: str, sealed: bytes, place: str) -> str:
        key = dict(self.keys).get(key_id)
        if key is None:
            raise CannotDecrypt(f"the key {key_id} is not in SECRET_KEYS")
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError):
            raise CannotDecrypt(f"what the key {key_id} should open is damaged") from None


def _derived(secret_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"dastgoh secrets at rest").derive(secret_key.encode())


def _kept_in(path: Path) -> bytes:
    """Development only: each DATA_DIR makes a key of its own. Of several processes at once one makes it, all read it whole."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_bytes()
