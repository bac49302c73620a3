"""Teams: who pays for jobs, and how much in a month."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.rules.money import nano
from core.tables import Team, TeamSpend
from core.tables.teams import DEFAULT

MONTHS = 24
"""Of a team's spending that are shown."""


def ensure_default(session: Session) -> Team:
    """Return the team that every job is of; the first who asks makes it."""
    query = select(Team).where(Team.name == DEFAULT)
    if (team := session.scalar(query)) is not None:
        return team
    try:
        with session.begin_nested():
            session.add(made := Team(name=DEFAULT))
    except IntegrityError:
        # Another process was faster.
        return session.scalars(query).one()
    return made


def get(session: Session) -> Team:
    """Return the team that every job is of."""
    return session.scalars(select(Team).where(Team.name == DEFAULT)).one()


def set_budget(session: Session, changed: Mapping[str, Any]) -> Team:
    """Change `monthly_budget_usd`, `monthly_budget_requests`, or both; None is no bound."""
    team = get(session)
    if "monthly_budget_usd" in changed:
        usd = changed["monthly_budget_usd"]
        team.monthly_budget_nano = None if usd is None else nano(usd)
    if "monthly_budget_requests" in changed:
        team.monthly_budget_requests = changed["monthly_budget_requests"]
    session.flush()
    return team


def months(session: Session, team: Team) -> Sequence[TeamSpend]:
    """Return what the team spent in its last months, the latest first."""
    query = select(TeamSpend).where(TeamSpend.team_id == team.id)
    return session.scalars(query.order_by(TeamSpend.month.desc()).limit(MONTHS)).all()
