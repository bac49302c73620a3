"""Secrets of providers that rest in the database: encrypted, and never shown again."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core import credentials
from core.errors import InvalidInput, MissingCredential
from core.private import write_private
from core.rules.specs import CredentialRef
from core.settings import Settings

KEY_FILE = "secret.key"
FINGERPRINT = 16
"""Hex digits of what stands for a secret: enough to tell a model's few apart."""


class Vault:
    """Seals secrets with GERBENCH_SECRET_KEY or, in embedded mode, a key in the data folder.

    Of several keys, separated by commas, the first one seals and each opens what it sealed: so a
    key is changed without losing what the old one sealed. Safe to use from several threads.
    """

    def __init__(self, keys: str | None, file: Path | None) -> None:
        self._keys = keys
        self._file = file
        """Where the key is made that is not given; None: nowhere, as others would not find it."""
        self._lock = Lock()
        self._opened = lru_cache(maxsize=256)(self._open)

    @classmethod
    def of(cls, settings: Settings) -> "Vault":
        """Return the vault of a process."""
        given = settings.secret_key
        alone = settings.database_url is None
        return cls(
            None if given is None else given.get_secret_value(),
            settings.data / KEY_FILE if alone else None,
        )

    def seal(self, secret: str) -> tuple[str, str]:
        """Return the fingerprint of a secret, and the secret encrypted. Raises InvalidInput.

        The fingerprint is of the secret and the key, so it cannot be guessed at without the key.
        """
        keys = self._all_keys(make=True)
        if not keys:
            raise InvalidInput(
                "this service cannot keep secrets yet: set GERBENCH_SECRET_KEY, alike for the API"
                " and the workers, or name a variable or a file instead"
            )
        mark = hmac.digest(keys[0].encode(), secret.encode(), sha256).hex()[:FINGERPRINT]
        return mark, _fernet(keys).encrypt(secret.encode()).decode()

    def resolve(self, ref: CredentialRef, sealed: Mapping[str, str]) -> str:
        """Return the secret that a credential stands for; `sealed` are those of its model.

        Raises MissingCredential. Neither log nor store it.
        """
        if ref.stored is None:
            return credentials.resolve(ref)
        if ref.stored not in sealed:
            raise MissingCredential(f"{ref.key} is not stored any more; send the secret anew")
        return self.open(sealed[ref.stored])

    def open(self, sealed: str) -> str:
        """Return what was sealed. Raises MissingCredential. Neither log nor store it."""
        return self._opened(sealed)

    def _open(self, token: str) -> str:
        """Return what was encrypted. Raises MissingCredential."""
        keys = self._all_keys(make=False)
        try:
            if keys:
                return _fernet(keys).decrypt(token.encode()).decode()
        except InvalidToken:
            pass
        raise MissingCredential(
            "a stored secret was sealed with a key that this process does not have: set"
            " GERBENCH_SECRET_KEY as it was, alike for the API and the workers, or send the secret"
            " anew"
        )

    def _all_keys(self, *, make: bool) -> list[str]:
        """Return the keys, the one that seals first; `make` one if there is none yet."""
        if self._keys is None and self._file is not None:
            with self._lock:
                self._keys = _read(self._file, make=make)
        return [key.strip() for key in (self._keys or "").split(",") if key.strip()]


def _read(file: Path, *, make: bool) -> str | None:
    """Return the key in a file, perhaps a new one."""
    if file.exists():
        return file.read_text("utf-8").strip() or None
    if not make:
        return None
    key = secrets.token_urlsafe(32)
    write_private(file, key)
    return key


def _fernet(keys: list[str]) -> MultiFernet:
    """Return what encrypts; keys may be any text of enough length."""
    return MultiFernet([Fernet(urlsafe_b64encode(sha256(key.encode()).digest())) for key in keys])
