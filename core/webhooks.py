"""Webhooks: made, changed and taken away; and the secrets that their messages are signed with."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import HttpUrl
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import deliveries, paging
from core.access import team_of
from core.bodies.webhooks import Message, News
from core.deliveries import Address
from core.errors import Conflict, NotFound
from core.rules.webhooks import KEY_BYTES, OVERLAP, HookEvent, secret_of
from core.tables import Delivery, JobSigner, Webhook
from core.tables.webhooks import Signing
from core.vault import Vault

MOST = 50
"""Webhooks that a team may have: each is one more message for everything that happens."""


def create(
    session: Session,
    vault: Vault,
    url: HttpUrl,
    *,
    description: str = "",
    events: tuple[HookEvent, ...] | None = None,
    trusted: bool = False,
    now: datetime,
) -> tuple[Webhook, str]:
    """Make a webhook; its secret is returned once and cannot be read again.

    Raises Conflict when there are too many, InvalidInput where no secret can be kept.
    """
    count = session.scalar(select(func.count()).select_from(Webhook)) or 0
    if count >= MOST:
        raise Conflict(f"a team has at most {MOST} webhooks; remove one that nobody needs")
    secret, sealed = _new_secret(vault)
    hook = Webhook(
        team_id=team_of(session),
        url=str(url),
        description=description,
        events=_listed(events),
        trusted=trusted,
        secret=sealed,
        created_at=now,
    )
    session.add(hook)
    session.flush()
    return hook, secret


def get(session: Session, webhook_id: UUID, *, for_update: bool = False) -> Webhook:
    """Return a webhook. Raises NotFound."""
    query = select(Webhook).where(Webhook.id == webhook_id)
    hook = session.scalar(query.with_for_update() if for_update else query)
    if hook is None:
        raise NotFound(f"there is no webhook {webhook_id}; GET /v1/webhooks lists those there are")
    return hook


def page(session: Session, *, after: paging.Key | None, limit: int) -> paging.Slice[Webhook]:
    """Return a page of the webhooks, the latest first."""
    order = [Webhook.created_at, Webhook.id]
    return paging.fetch(
        session, select(Webhook), order, after=after, limit=limit, newest_first=True
    )


def change(
    session: Session,
    webhook_id: UUID,
    changes: Mapping[str, Any],
    *,
    trusted: bool | None = None,
    now: datetime,
) -> Webhook:
    """Set the given fields; `trusted` tells of a new address.

    What waits for its next try goes to the new address, or nowhere once it is switched off.
    """
    hook = get(session, webhook_id, for_update=True)
    for name, value in changes.items():
        setattr(hook, name, _listed(value) if name == "events" else value)
    if trusted is not None:
        hook.trusted = trusted
    if not hook.enabled:
        deliveries.cancel(session, hook.id, now=now)
    session.flush()
    return hook


def remove(session: Session, webhook_id: UUID) -> None:
    """Take a webhook away with all that was sent to it; nothing more is sent."""
    hook = get(session, webhook_id, for_update=True)
    deliveries.forget(session, Delivery.webhook_id == hook.id)
    session.execute(delete(Webhook).where(Webhook.id == hook.id))


def ping(session: Session, webhook_id: UUID, *, now: datetime) -> Delivery:
    """Send a message that tells nothing, to see whether it arrives. Raises Conflict if off."""
    hook = get(session, webhook_id, for_update=True)
    if not hook.enabled:
        raise Conflict('this webhook is switched off; switch it on first: {"enabled": true}')
    message = Message(type=HookEvent.PING, timestamp=now, data=News())
    return deliveries.write(session, Address(hook.team_id, hook.id, None), message, now=now)


def renew_secret(
    session: Session, vault: Vault, webhook_id: UUID, *, now: datetime
) -> tuple[Signing, str]:
    """Make a new secret for a webhook; the old one signs beside it for a day."""
    hook = get(session, webhook_id, for_update=True)
    return hook, _renew(hook, vault, now)


def renew_jobs_secret(session: Session, vault: Vault, *, now: datetime) -> tuple[Signing, str]:
    """Make a new secret for the addresses that the team's jobs name, as `renew_secret` does."""
    signer = session.get(JobSigner, team_of(session), with_for_update=True)
    if signer is None:
        secret, sealed = _new_secret(vault)
        signer = JobSigner(team_id=team_of(session), secret=sealed)
        # Should another be made at this moment, its secret is the old one at once.
        with suppress(IntegrityError), session.begin_nested():
            session.add(signer)
            session.flush()
            return signer, secret
        signer = session.get_one(JobSigner, team_of(session), with_for_update=True)
    return signer, _renew(signer, vault, now)


def ensure_jobs_secret(session: Session, vault: Vault) -> None:
    """See to it that messages to the addresses of the team's jobs can be signed.

    Whoever wants to verify them lets an admin make a new one, since nobody has seen this.
    """
    if session.get(JobSigner, team_of(session)) is None:
        _, sealed = _new_secret(vault)
        with suppress(IntegrityError), session.begin_nested():
            session.add(JobSigner(team_id=team_of(session), secret=sealed))
            session.flush()


def _renew(signing: Signing, vault: Vault, now: datetime) -> str:
    """Put a new secret in the place of one, and return it."""
    secret, sealed = _new_secret(vault)
    signing.old_secret, signing.old_until = signing.secret, now + OVERLAP
    signing.secret = sealed
    return secret


def _new_secret(vault: Vault) -> tuple[str, str]:
    """Return a secret, and the same sealed."""
    secret = secret_of(secrets.token_bytes(KEY_BYTES))
    _, sealed = vault.seal(secret)
    return secret, sealed


def _listed(events: tuple[HookEvent, ...] | None) -> list[str] | None:
    """Return events as they are stored, each once."""
    return None if events is None else [event.value for event in dict.fromkeys(events)]
