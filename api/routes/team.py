"""The team over REST."""

from fastapi import APIRouter

from api.deps import DatabaseDep
from api.schemas.budgets import TeamChange, TeamOut
from core import teams
from core.db import Database

router = APIRouter(prefix="/team", tags=["team"])


@router.get("", summary="Show the team")
def get_team(database: DatabaseDep) -> TeamOut:
    """Return what the team may spend in a calendar month (UTC), and what it spent."""
    return _shown(database)


@router.patch("", summary="Set the team's monthly budget")
def change_team(body: TeamChange, database: DatabaseDep) -> TeamOut:
    """Set the bounds that are sent; calls that leave from now on are held to them.

    Runs that the old budget paused stay so until their jobs are resumed.
    """
    with database.write.begin() as session:
        teams.set_budget(session, body.given())
    return _shown(database)


def _shown(database: Database) -> TeamOut:
    """Return the team as it is now."""
    with database.read() as session:
        team = teams.get(session)
        return TeamOut.of(team, teams.months(session, team))
