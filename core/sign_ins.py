"""Signing in a browser: a key, or a link that is good once, is exchanged for a session."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core import keys
from core.errors import Unauthorized
from core.tables import ApiKey, SignIn
from core.tables.sign_ins import SignInKind

SESSION_LASTS = timedelta(days=7)
LINK_LASTS = timedelta(hours=1)
KEPT = timedelta(days=30)
"""Rows that nobody can use any more go after this."""

AGAIN = "sign in again with your API key"


def begin(session: Session, key: ApiKey, *, now: datetime) -> str:
    """Begin a session of a key's holder; its token is returned once and cannot be read again."""
    session.execute(delete(SignIn).where(SignIn.expires_at < now - KEPT))
    return _issue(session, SignInKind.SESSION, key, now=now, lasts=SESSION_LASTS)


def offer(session: Session, key: ApiKey, *, now: datetime) -> str:
    """Return the token of a link that signs in whoever is first to open it."""
    return _issue(session, SignInKind.LINK, key, now=now, lasts=LINK_LASTS)


def redeem(session: Session, token: str, *, now: datetime) -> str:
    """Begin a session with the token of a link. Raises Unauthorized at the second time."""
    key_id = session.scalar(
        update(SignIn)
        .where(
            SignIn.hash == keys.digest(token),
            SignIn.kind == SignInKind.LINK,
            SignIn.ended_at.is_(None),
            SignIn.expires_at > now,
        )
        .values(ended_at=now)
        .returning(SignIn.key_id)
    )
    if key_id is None:
        raise Unauthorized(f"this link has been used, or is too old; {AGAIN}")
    key = session.get_one(ApiKey, key_id)
    return begin(session, keys.find(session, key.hash, now=now), now=now)


def find(session: Session, hashed: str, *, now: datetime) -> ApiKey:
    """Return the key whose holder a session is of, by the digest of the session's token.

    Raises Unauthorized when the session is over, or the key is.
    """
    key = session.scalar(
        select(ApiKey)
        .join(SignIn, SignIn.key_id == ApiKey.id)
        .where(
            SignIn.hash == hashed,
            SignIn.kind == SignInKind.SESSION,
            SignIn.ended_at.is_(None),
            SignIn.expires_at > now,
            ApiKey.revoked_at.is_(None),
        )
    )
    if key is None:
        raise Unauthorized(f"this session is over; {AGAIN}")
    keys.refuse_expired(key.expires_at, now=now)
    return key


def end(session: Session, token: str, *, now: datetime) -> None:
    """End a session; one that is over stays so."""
    session.execute(
        update(SignIn)
        .where(SignIn.hash == keys.digest(token), SignIn.ended_at.is_(None))
        .values(ended_at=now)
    )


def _issue(
    session: Session, kind: SignInKind, key: ApiKey, *, now: datetime, lasts: timedelta
) -> str:
    token = secrets.token_urlsafe(32)
    row = SignIn(
        hash=keys.digest(token), kind=kind, key_id=key.id, created_at=now, expires_at=now + lasts
    )
    session.add(row)
    session.flush()
    return token
