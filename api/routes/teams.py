"""Teams over REST: those who share datasets, models, jobs and runs."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response, status

from api import cursors
from api.deps import CallerDep, DatabaseDep, PageDep
from api.rules import ADMIN, OPERATOR, VIEWER
from api.schemas.access import OwnTeam, TeamCreate, TeamOut, TeamShare
from api.schemas.base import Page
from api.schemas.budgets import ModelMonthOut, TeamChange
from api.schemas.problem import problems
from core import spent, teams, trail
from core.access import Caller
from core.db import Database, utc_now
from core.rules.tables import to_csv

router = APIRouter(tags=["access"])


@router.get("/team", dependencies=[VIEWER], summary="Show one's team")
def get_team(database: DatabaseDep, caller: CallerDep) -> OwnTeam:
    """Return the team of the key that was sent: its budget, its spending, what the key may do."""
    return _shown(database, caller)


@router.patch("/team", dependencies=[ADMIN], summary="Set one's team's monthly budget")
def change_team(body: TeamChange, database: DatabaseDep, caller: CallerDep) -> OwnTeam:
    """Set the bounds that are sent; calls that leave from now on are held to them.

    Runs that the old budget paused stay so until their jobs are resumed.
    """
    with database.write.begin() as session:
        team = teams.set_budget(session, caller.team_id, body.given())
        trail.note(session, "change_team", team.name, body.given(), now=utc_now())
    return _shown(database, caller)


@router.get(
    "/team/spend",
    dependencies=[VIEWER],
    summary="Show what each model cost, by the month",
    response_model=Page[ModelMonthOut],
    responses={200: {"content": {"text/csv": {}}}},
)
def list_spend(
    database: DatabaseDep,
    page: PageDep,
    model: Annotated[str | None, Query(max_length=64, description="Only of this one")] = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Any:
    """Return the months of the team's models, the latest first; those without a call left out.

    As CSV a page is the same page; `X-Next-Cursor` goes on.
    """
    with database.read() as session:
        found = spent.page(session, model=model, after=page.after, limit=page.limit)
    if form == "json":
        return Page.of(found, ModelMonthOut.to)
    answer = Response(to_csv(spent.table(found.rows)), media_type="text/csv; charset=utf-8")
    if found.next_key is not None:
        answer.headers["X-Next-Cursor"] = cursors.write(found.next_key)
    return answer


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


@router.patch(
    "/teams/{name}",
    dependencies=[OPERATOR],
    summary="Set a team's share of rates",
    responses=problems(404),
)
def share_rate(name: str, body: TeamShare, database: DatabaseDep) -> TeamOut:
    """Hold the team's calls to a part of the limits that its models are declared with.

    So that several teams use one account of a provider: each declares its limits as they are.
    """
    with database.write.begin() as session:
        team = teams.set_rate_share(session, name, body.rate_share)
        trail.note(session, "share_rate", team.name, body.model_dump(), now=utc_now())
    return TeamOut.of(team)


def _shown(database: Database, caller: Caller) -> OwnTeam:
    """Return the caller's team as it is now."""
    with database.read() as session:
        team = teams.get(session, caller.team_id)
        return OwnTeam.to(caller, team, teams.months(session, team.id))
