"""Teams: made by operators, and there is always one."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import paging
from core.errors import Conflict, NotFound
from core.rules.money import nano
from core.tables import Team, TeamSpend
from core.tables.teams import DEFAULT, DEFAULT_ID

MONTHS = 24
"""Of a team's spending that are shown."""


def ensure_default(session: Session) -> None:
    """Make the team that there always is, unless it is there."""
    if session.get(Team, DEFAULT_ID) is not None:
        return
    # Another process that starts at this moment may have made it since.
    with suppress(IntegrityError), session.begin_nested():
        session.add(Team(id=DEFAULT_ID, name=DEFAULT))


def create(session: Session, name: str) -> Team:
    """Make a team; it has no keys yet. Raises Conflict for a name that is taken."""
    team = Team(name=name)
    try:
        with session.begin_nested():
            session.add(team)
    except IntegrityError as error:
        raise Conflict(f"there is a team {name!r} already; choose another name") from error
    return team


def get(session: Session, team_id: UUID) -> Team:
    """Return a team that is known to exist."""
    return session.get_one(Team, team_id)


def named(session: Session, name: str) -> Team:
    """Return the team of a name. Raises NotFound."""
    team = session.scalar(select(Team).where(Team.name == name))
    if team is None:
        raise NotFound(f"there is no team {name!r}; GET /v1/teams lists those there are")
    return team


def page(session: Session, *, after: paging.Key | None, limit: int) -> paging.Slice[Team]:
    """Return a page of all teams, by name."""
    return paging.fetch(session, select(Team), [Team.name], after=after, limit=limit)


def set_budget(session: Session, team_id: UUID, changed: Mapping[str, Any]) -> Team:
    """Change `monthly_budget_usd`, `monthly_budget_requests`, or both; None is no bound.

    Calls that are sent from now on are held to it; what is paused stays so until it is resumed.
    """
    team = get(session, team_id)
    if "monthly_budget_usd" in changed:
        usd = changed["monthly_budget_usd"]
        team.monthly_budget_nano = None if usd is None else nano(usd)
    if "monthly_budget_requests" in changed:
        team.monthly_budget_requests = changed["monthly_budget_requests"]
    session.flush()
    return team


def set_rate_share(session: Session, name: str, share: float) -> Team:
    """Hold a team's calls to a part of its models' limits. Raises NotFound.

    Slices under way go on as they began, for less than half a minute.
    """
    team = named(session, name)
    team.rate_share = share
    session.flush()
    return team


def months(session: Session, team_id: UUID) -> Sequence[TeamSpend]:
    """Return what a team spent in its last months, the latest first."""
    query = select(TeamSpend).where(TeamSpend.team_id == team_id)
    return session.scalars(query.order_by(TeamSpend.month.desc()).limit(MONTHS)).all()
