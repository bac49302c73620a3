"""Read-only links to saved views: made, opened without a key, revoked."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from core import keys, paging
from core.access import Caller, caller_of
from core.errors import Gone, InvalidInput, NotFound, Unauthorized
from core.tables import ApiKey, Dashboard, DashboardLink
from core.vocabulary import Role

LASTS = timedelta(days=30)
"""Where nobody says how long."""
MOST = timedelta(days=366)


@dataclass(frozen=True)
class Opened:
    """What a link shows: one view, as a viewer of its team sees it."""

    dashboard: Dashboard
    expires_at: datetime
    caller: Caller
    """Who looks: nobody's key, and only what this view is over."""


def create(
    session: Session, dashboard: Dashboard, *, expires_at: datetime | None, now: datetime
) -> tuple[DashboardLink, str]:
    """Make a link to a view; its token is returned once and cannot be read again.

    Raises InvalidInput unless it ends in the future and within a year.
    """
    caller = caller_of(session)
    if caller is None:
        raise Unauthorized("a link is made with a key, and ends with it")
    ends = now + LASTS if expires_at is None else expires_at
    if not now < ends <= now + MOST:
        raise InvalidInput(f"expires_at must be in the future, at most {MOST.days} days from now")
    token = secrets.token_urlsafe(32)
    link = DashboardLink(
        team_id=dashboard.team_id,
        dashboard_id=dashboard.id,
        hash=keys.digest(token),
        key=session.get_one(ApiKey, caller.key_id),
        created_at=now,
        expires_at=ends,
    )
    session.add(link)
    session.flush()
    return link, token


def page(
    session: Session, dashboard: Dashboard, *, after: paging.Key | None, limit: int
) -> paging.Slice[DashboardLink]:
    """Return a page of the links to a view, the latest first; those that are over, too."""
    query = (
        select(DashboardLink)
        .where(DashboardLink.dashboard_id == dashboard.id)
        .options(joinedload(DashboardLink.key))
    )
    order = [DashboardLink.created_at, DashboardLink.id]
    return paging.fetch(session, query, order, after=after, limit=limit, newest_first=True)


def revoke(session: Session, dashboard: Dashboard, link_id: UUID, *, now: datetime) -> None:
    """Let a link open nothing any more; to revoke it again changes nothing. Raises NotFound."""
    mine = [DashboardLink.id == link_id, DashboardLink.dashboard_id == dashboard.id]
    if session.scalar(select(DashboardLink.id).where(*mine)) is None:
        raise NotFound(
            f"there is no link {link_id} to this view;"
            f" GET /v1/dashboards/{dashboard.id}/links lists those there are"
        )
    session.execute(
        update(DashboardLink)
        .where(*mine, DashboardLink.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def is_open(link: DashboardLink, *, now: datetime) -> bool:
    """Tell whether a link shows anything."""
    return link.revoked_at is None and link.key.revoked_at is None and link.expires_at > now


def open_link(session: Session, token: str, *, now: datetime) -> Opened:
    """Return what a token shows; the session is nobody's.

    Raises NotFound for what was never a link, and Gone for one that is over.
    """
    found = session.execute(
        select(DashboardLink, Dashboard)
        .join(Dashboard, Dashboard.id == DashboardLink.dashboard_id)
        .where(DashboardLink.hash == keys.digest(token))
        .options(joinedload(DashboardLink.key))
    ).one_or_none()
    if found is None:
        raise NotFound("there is no such link: ask whoever gave it to you for the whole address")
    link, dashboard = found
    if not is_open(link, now=now):
        raise Gone("this link has expired, or was taken back: ask whoever gave it to you")
    caller = Caller(dashboard.team_id, link.key_id, link.key.name, Role.VIEWER)
    return Opened(dashboard, link.expires_at, caller)
