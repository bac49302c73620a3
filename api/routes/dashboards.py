"""Saved views over REST, and the links that show one of them to whoever has them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Header, Path, Request, Response, status

from api.deps import DatabaseDep, PageDep
from api.etags import TAG
from api.rules import MEMBER, VIEWER
from api.schemas.base import Page
from api.schemas.dashboards import (
    EXAMPLE,
    DashboardChange,
    DashboardCreate,
    DashboardOut,
    LinkCreate,
    LinkMade,
    LinkOut,
)
from api.schemas.problem import problems
from core import dashboards, links, trail
from core.db import utc_now
from core.errors import PreconditionFailed
from core.tables import Dashboard

router = APIRouter(prefix="/dashboards", tags=["dashboards"])

Reference = Annotated[str, Path(max_length=80, description="The id of a view, or its name")]
IfMatch = Annotated[
    str | None,
    Header(max_length=1000, description="The `ETag` that was seen; another by now is refused"),
]


@router.get("", dependencies=[VIEWER], summary="List the saved views")
def list_dashboards(database: DatabaseDep, page: PageDep) -> Page[DashboardOut]:
    """Return the team's views, by name."""
    with database.read() as session:
        found = dashboards.page(session, after=page.after, limit=page.limit)
    return Page.of(found, DashboardOut.of)


@router.post(
    "",
    dependencies=[MEMBER],
    status_code=status.HTTP_201_CREATED,
    summary="Save a view",
    responses=problems(404, 409),
)
def create_dashboard(
    body: Annotated[DashboardCreate, Body(examples=[EXAMPLE])],
    database: DatabaseDep,
    request: Request,
    response: Response,
) -> DashboardOut:
    """Save a name, a selection of runs and the panels that show what they say together."""
    now = utc_now()
    with database.write.begin() as session:
        made = dashboards.create(session, body, now=now)
        trail.note(session, "create_dashboard", made.id, {"name": made.name}, now=now)
        _tag(response, made)
    response.headers["Location"] = request.app.url_path_for("get_dashboard", dashboard=str(made.id))
    return DashboardOut.of(made)


@router.get(
    "/{dashboard}", dependencies=[VIEWER], summary="Show a saved view", responses=problems(404)
)
def get_dashboard(dashboard: Reference, database: DatabaseDep, response: Response) -> DashboardOut:
    """Return a view; `GET /v1/analyses/…` with its selection is what its panels show."""
    with database.read() as session:
        found = dashboards.get(session, dashboard)
    _tag(response, found)
    return DashboardOut.of(found)


@router.patch(
    "/{dashboard}",
    dependencies=[MEMBER],
    summary="Change a saved view",
    responses=problems(404, 409, 412),
)
def change_dashboard(
    dashboard: Reference,
    body: DashboardChange,
    database: DatabaseDep,
    response: Response,
    if_match: IfMatch = None,
) -> DashboardOut:
    """Set the fields that are sent. With `If-Match` nobody's change is overwritten unseen."""
    now, given = utc_now(), body.given()
    with database.write.begin() as session:
        found = dashboards.get(session, dashboard, for_update=True)
        _require_seen(found, if_match)
        dashboards.change(session, found, given, now=now)
        fields = {"name": found.name, "fields": sorted(given)}
        trail.note(session, "change_dashboard", found.id, fields, now=now)
        _tag(response, found)
    return DashboardOut.of(found)


@router.get(
    "/{dashboard}/links",
    dependencies=[VIEWER],
    summary="List the links to a view",
    responses=problems(404),
)
def list_dashboard_links(
    dashboard: Reference, database: DatabaseDep, page: PageDep
) -> Page[LinkOut]:
    """Return the links to a view, the latest first; those that are over, too."""
    now = utc_now()
    with database.read() as session:
        found = links.page(
            session, dashboards.get(session, dashboard), after=page.after, limit=page.limit
        )
    return Page.of(found, lambda link: LinkOut.of(link, now=now))


@router.post(
    "/{dashboard}/links",
    dependencies=[MEMBER],
    status_code=status.HTTP_201_CREATED,
    summary="Make a link to a view",
    responses=problems(404),
)
def create_dashboard_link(
    dashboard: Reference,
    database: DatabaseDep,
    request: Request,
    response: Response,
    body: LinkCreate = LinkCreate(),  # noqa: B008 - frozen by use: nothing changes it
) -> LinkMade:
    """Make a read-only link and show it, this once: whoever has it sees the view, no more."""
    now = utc_now()
    with database.write.begin() as session:
        found = dashboards.get(session, dashboard)
        link, token = links.create(session, found, expires_at=body.expires_at, now=now)
        details = {"name": found.name, "link": str(link.id), "until": link.expires_at.isoformat()}
        trail.note(session, "create_dashboard_link", found.id, details, now=now)
        made = LinkMade.made(link, f"{str(request.base_url).rstrip('/')}/shared/{token}", now=now)
    response.headers["Cache-Control"] = "no-store"
    return made


@router.delete(
    "/{dashboard}/links/{link_id}",
    dependencies=[MEMBER],
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Revoke a link to a view",
    responses=problems(404),
)
def revoke_dashboard_link(dashboard: Reference, link_id: UUID, database: DatabaseDep) -> None:
    """Let a link open nothing any more, from its next request on."""
    now = utc_now()
    with database.write.begin() as session:
        found = dashboards.get(session, dashboard)
        links.revoke(session, found, link_id, now=now)
        details = {"name": found.name, "link": str(link_id)}
        trail.note(session, "revoke_dashboard_link", found.id, details, now=now)


@router.delete(
    "/{dashboard}",
    dependencies=[MEMBER],
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a saved view",
    responses=problems(404, 412),
)
def delete_dashboard(dashboard: Reference, database: DatabaseDep, if_match: IfMatch = None) -> None:
    """Remove a view, and close every link to it; the runs stay."""
    now = utc_now()
    with database.write.begin() as session:
        found = dashboards.get(session, dashboard, for_update=True)
        _require_seen(found, if_match)
        dashboards.delete(session, found)
        trail.note(session, "delete_dashboard", found.id, {"name": found.name}, now=now)


def tag_of(dashboard: Dashboard | DashboardOut) -> str:
    """Return the ETag of a view as it is: another for each change of it."""
    return f'"{dashboard.id}-{dashboard.version}"'


def _tag(response: Response, dashboard: Dashboard) -> None:
    response.headers["ETag"] = tag_of(dashboard)


def _require_seen(dashboard: Dashboard, if_match: str | None) -> None:
    """Raise PreconditionFailed unless If-Match names the view as it is, or anything."""
    if if_match is None or if_match.strip() == "*":
        return
    if tag_of(dashboard) not in TAG.findall(if_match):
        raise PreconditionFailed(
            f"somebody changed the view {dashboard.name!r} meanwhile: get it again, and change that"
        )
