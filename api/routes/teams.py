"""Teams over REST: those who share datasets, models, jobs and runs."""

from fastapi import APIRouter, status

from api.deps import CallerDep, DatabaseDep, PageDep
from api.rules import OPERATOR, VIEWER
from api.schemas.access import OwnTeam, TeamCreate, TeamOut
from api.schemas.base import Page
from api.schemas.problem import problems
from core import teams, trail
from core.db import utc_now

router = APIRouter(tags=["access"])


@router.get("/team", dependencies=[VIEWER], summary="Show one's team")
def get_team(database: DatabaseDep, caller: CallerDep) -> OwnTeam:
    """Return the team of the key that was sent, and what that key may do."""
    with database.read() as session:
        return OwnTeam.to(caller, teams.get(session, caller.team_id))


@router.get("/teams", dependencies=[OPERATOR], summary="List the teams")
def list_teams(database: DatabaseDep, page: PageDep) -> Page[TeamOut]:
    """Return every team of this installation, by name."""
    with database.read() as session:
        found = teams.page(session, after=page.after, limit=page.limit)
    return Page.of(found, TeamOut.of)


@router.post(
    "/teams",
    dependencies=[OPERATOR],
    status_code=status.HTTP_201_CREATED,
    summary="Make a team",
    responses=problems(409),
)
def create_team(body: TeamCreate, database: DatabaseDep) -> TeamOut:
    """Make a team; its first key is made with `team` in POST /v1/keys."""
    now = utc_now()
    with database.write.begin() as session:
        team = teams.create(session, body.name)
        trail.note(session, "create_team", team.name, {"id": str(team.id)}, now=now)
    return TeamOut.of(team)
