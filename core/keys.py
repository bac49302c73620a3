"""API keys: made, hashed and recognised. A key itself is only ever in its holder's hands."""

import os
import secrets
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.db import Database
from core.errors import Unauthorized
from core.tables import ApiKey

ADMIN = "admin"
ADMIN_FILE = "admin.key"


def create(session: Session, name: str, *, now: datetime) -> tuple[ApiKey, str]:
    """Make a key; the secret is returned once and cannot be read again."""
    secret = _new_secret()
    key = ApiKey(name=name, hash=_digest(secret), created_at=now)
    session.add(key)
    session.flush()
    return key, secret


def authenticate(session: Session, secret: str) -> ApiKey:
    """Return the key that a secret belongs to.

    Looking up the digest tells a caller's timing nothing about any secret.
    """
    key = session.scalar(
        select(ApiKey).where(ApiKey.hash == _digest(secret), ApiKey.revoked_at.is_(None))
    )
    if key is None:
        raise Unauthorized("this API key is not valid; ask an admin for one, or use admin.key")
    return key


def register(session: Session, name: str, secret: str, *, now: datetime) -> None:
    """Make a given secret a key, unless it already is one or has been revoked."""
    digest = _digest(secret)
    if session.scalar(select(ApiKey.id).where(ApiKey.hash == digest)) is not None:
        return
    # Another process that starts at this moment may have registered it since.
    with suppress(IntegrityError), session.begin_nested():
        session.add(ApiKey(name=name, hash=digest, created_at=now))


def ensure_admin_key(database: Database, data: Path, *, now: datetime) -> Path:
    """See to it that the secret in `<data>/admin.key` is a key; return that path.

    The file is written first: a crash in between leaves a file that the next start registers,
    never a key that nobody holds.
    """
    path = data / ADMIN_FILE
    secret = path.read_text("utf-8").strip() if path.exists() else ""
    if not secret:
        secret = _new_secret()
        _write_private(path, secret)
    with database.write.begin() as session:
        register(session, ADMIN, secret, now=now)
    return path


def _new_secret() -> str:
    return f"gb_{secrets.token_urlsafe(32)}"


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
