"""The trail: who did what, written in the transaction that did it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import paging
from core.access import caller_of
from core.tables import AuditEntry


def note(
    session: Session,
    action: str,
    what: object,
    details: Mapping[str, Any] | None = None,
    *,
    now: datetime,
    team_id: UUID | None = None,
) -> None:
    """Write that the session's caller did something; nothing of what the service does itself.

    `details` are JSON values and no secrets. `team_id` is whose things were changed, if they are
    not of the caller's own team.
    """
    caller = caller_of(session)
    if caller is None:
        return
    session.add(
        AuditEntry(
            team_id=team_id or caller.team_id,
            key_id=caller.key_id,
            key_name=caller.key_name,
            action=action,
            object=str(what),
            details=dict(details or {}),
            at=now,
        )
    )


@dataclass(frozen=True)
class TrailFilter:
    """Which of what was done is asked for; None: any."""

    key_name: str | None = None
    """Who did it."""
    action: str | None = None
    object: str | None = None
    """The id or name of what it was done to."""


def page(
    session: Session, wanted: TrailFilter, *, after: paging.Key | None, limit: int
) -> paging.Slice[AuditEntry]:
    """Return a page of what was done, the latest first."""
    query = select(AuditEntry)
    for column, value in (
        (AuditEntry.key_name, wanted.key_name),
        (AuditEntry.action, wanted.action),
        (AuditEntry.object, wanted.object),
    ):
        if value is not None:
            query = query.where(column == value)
    return paging.fetch(
        session, query, [AuditEntry.id], after=after, limit=limit, newest_first=True
    )
