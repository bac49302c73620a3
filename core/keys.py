"""API keys: made, hashed and recognised. A key itself is only ever in its holder's hands."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import paging, teams
from core.access import EVERY_TEAM, caller_of, require_operator, team_of
from core.db import Database
from core.errors import Conflict, InvalidInput, NotFound, Unauthorized
from core.private import write_private
from core.tables import ApiKey
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Role

ADMIN = "admin"
ADMIN_FILE = "admin.key"


@dataclass(frozen=True)
class KeyDraft:
    """A key that somebody asks for."""

    name: str
    role: Role
    operator: bool = False
    expires_at: datetime | None = None
    team: str | None = None
    """The name of the team it is for; None: the caller's own."""


def create(session: Session, draft: KeyDraft, *, now: datetime) -> tuple[ApiKey, str]:
    """Make a key; the secret is returned once and cannot be read again.

    Only an operator makes operators' keys and keys for other teams. Raises Forbidden, NotFound,
    InvalidInput.
    """
    caller, team_id = caller_of(session), _team_id(session, draft.team)
    if caller is not None and draft.operator:
        require_operator(caller, "to make an operator's key")
    if draft.operator and draft.role is not Role.ADMIN:
        raise InvalidInput("an operator's key has the role admin")
    if draft.expires_at is not None and draft.expires_at <= now:
        raise InvalidInput("expires_at is not in the future; leave it out for a key that lasts")
    secret = _new_secret()
    key = ApiKey(
        team_id=team_id,
        name=draft.name,
        hash=digest(secret),
        role=draft.role,
        operator=draft.operator,
        created_by=None if caller is None else caller.key_id,
        created_at=now,
        expires_at=draft.expires_at,
    )
    session.add(key)
    session.flush()
    return key, secret


def find(session: Session, hashed: str, *, now: datetime) -> ApiKey:
    """Return the key that a digest is of. Raises Unauthorized, also once it has expired.

    Looking up the digest tells a caller's timing nothing about any secret.
    """
    key = session.scalar(select(ApiKey).where(ApiKey.hash == hashed, ApiKey.revoked_at.is_(None)))
    if key is None:
        raise Unauthorized("this API key is not valid; ask an admin for one, or use admin.key")
    refuse_expired(key.expires_at, now=now)
    return key


def refuse_expired(expires_at: datetime | None, *, now: datetime) -> None:
    """Raise Unauthorized if a key has expired."""
    if expires_at is not None and expires_at <= now:
        raise Unauthorized("this API key has expired; ask an admin for a new one")


def page(
    session: Session, *, team: str | None, after: paging.Key | None, limit: int
) -> paging.Slice[ApiKey]:
    """Return a page of a team's keys, the latest first; those that are revoked, too.

    `team` names another team than the caller's, for an operator. Raises Forbidden, NotFound.
    """
    query = (
        select(ApiKey)
        .where(ApiKey.team_id == _team_id(session, team))
        .execution_options(**EVERY_TEAM)
    )
    order = [ApiKey.created_at, ApiKey.id]
    return paging.fetch(session, query, order, after=after, limit=limit, newest_first=True)


def revoke(session: Session, key_id: UUID, *, now: datetime) -> ApiKey:
    """Let a key open nothing any more; to revoke it again changes nothing.

    An operator may revoke those of other teams. Raises NotFound, and Conflict for the last key of
    an operator: nobody could make another.
    """
    caller = caller_of(session)
    every = EVERY_TEAM if caller is None or caller.operator else {}
    key = session.get(ApiKey, key_id, execution_options=every)
    if key is None:
        raise NotFound(f"there is no key {key_id}; GET /v1/keys lists those there are")
    if key.operator and _good_operators(session, now) <= {key_id}:
        raise Conflict(
            "this is the last good key of an operator: make another one first, with"
            " `gerbench keys create NAME --operator`"
        )
    session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(**every)
    )
    return key


def _good_operators(session: Session, now: datetime) -> set[UUID]:
    """Return the operators' keys that open something, held so that two are not revoked at once."""
    found = session.scalars(
        select(ApiKey.id)
        .where(
            ApiKey.operator,
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now),
        )
        .order_by(ApiKey.id)
        .with_for_update()
        .execution_options(**EVERY_TEAM)
    )
    return set(found)


def _team_id(session: Session, name: str | None) -> UUID:
    """Return the caller's team or, for an operator, the one of a name. Raises Forbidden."""
    if name is None:
        return team_of(session)
    if (caller := caller_of(session)) is not None:
        require_operator(caller, "to see or make another team's keys")
    return teams.named(session, name).id


def used(session: Session, moments: Mapping[UUID, datetime]) -> None:
    """Write when keys were last used; what another process wrote later stands."""
    for key_id, at in sorted(moments.items()):
        session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at < at))
            .values(last_used_at=at)
        )


def register(session: Session, name: str, secret: str, *, now: datetime) -> None:
    """Make a given secret an operator's key, unless it already is one or has been revoked."""
    hashed = digest(secret)
    if session.scalar(select(ApiKey.id).where(ApiKey.hash == hashed)) is not None:
        return
    key = ApiKey(
        team_id=DEFAULT_ID,
        name=name,
        hash=hashed,
        role=Role.ADMIN,
        operator=True,
        created_at=now,
    )
    # Another process that starts at this moment may have registered it since.
    with suppress(IntegrityError), session.begin_nested():
        session.add(key)


def ensure_admin_key(database: Database, data: Path, *, now: datetime) -> Path:
    """See to it that the secret in `<data>/admin.key` is a key; return that path.

    The file is written first: a crash in between leaves a file that the next start registers,
    never a key that nobody holds.
    """
    path = data / ADMIN_FILE
    secret = path.read_text("utf-8").strip() if path.exists() else ""
    if not secret:
        secret = _new_secret()
        write_private(path, secret)
    with database.write.begin() as session:
        teams.ensure_default(session)
        register(session, ADMIN, secret, now=now)
    return path


def _new_secret() -> str:
    return f"gb_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> str:
    """Return what is kept of a key."""
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
