"""The pages of saved views: the list, one of them with its panels, its links, and the forms."""

from datetime import timedelta
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Form
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from api.deps import PageDep, PageRequest
from api.pages import forms
from api.pages.analyses import KINDS
from api.pages.panels import Panels, query_of
from api.pages.shell import PageRoute, Visitor, VisitorDep, never_stored, see_other, shown_to
from api.routes import dashboards as rest
from api.routes.dashboards import Reference
from api.rules import MEMBER, VIEWER
from api.schemas.analyses import MAX_NAMED
from api.schemas.dashboards import (
    DashboardChange,
    DashboardCreate,
    DashboardOut,
    LinkCreate,
    LinkMade,
)
from core.db import utc_now
from core.errors import InvalidInput
from core.rules.dashboards import MAX_PANELS, Panel, PanelName

router = APIRouter(prefix="/dashboards", include_in_schema=False, route_class=PageRoute)

LINKS = 100
"""Shown of a view; the latest."""
DAYS = (1, 7, 30, 90, 365)
"""How long a link may be asked to last in a form."""

Model = TypeVar("Model", bound=BaseModel)
Name = Annotated[str, Form(max_length=200)]
Chosen = Annotated[list[PanelName], Form(max_length=MAX_PANELS)]
Field = Annotated[str, Form(max_length=200)]


@router.get("", dependencies=[VIEWER])
def show_dashboards(who: VisitorDep, part: PageDep) -> Response:
    """List the team's saved views."""
    found = rest.list_dashboards(who.database, part)
    return shown_to(
        who, "dashboards.html", views=found.items, next_cursor=found.next_cursor, kinds=KINDS
    )


@router.post("", dependencies=[MEMBER])
def save_dashboard(
    who: VisitorDep,
    name: Name = "",
    panel: Chosen = [],  # noqa: B006 - FastAPI makes another for each request
    run: Annotated[list[UUID], Form(max_length=MAX_NAMED)] = [],  # noqa: B006 - as above
    job: Field = "",
    dataset: Field = "",
    model: Field = "",
    task: Field = "",
) -> Response:
    """Save what a page shows under a name, and show it."""
    given = {"job": job, "dataset": dataset, "model": model, "task": task}
    selection = {"runs": run, **{field: value for field, value in given.items() if value}}
    body = {"name": name, "selection": selection, "panels": [{"analysis": each} for each in panel]}
    saved = _valid(DashboardCreate, body)
    made = rest.create_dashboard(saved, who.database, who.request, Response())
    return see_other(f"/dashboards/{made.id}")


@router.get("/{dashboard}", dependencies=[VIEWER])
def show_dashboard(who: VisitorDep, background: BackgroundTasks, dashboard: Reference) -> Response:
    """Show a view: its panels, and the links to it."""
    view = rest.get_dashboard(dashboard, who.database, Response())
    return _shown(who, background, view)


@router.post("/{dashboard}", dependencies=[MEMBER])
def change_dashboard(
    who: VisitorDep,
    dashboard: Reference,
    name: Name = "",
    panel: Chosen = [],  # noqa: B006 - as in save_dashboard
    seen: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Rename a view, or choose its panels; those that stay keep their options."""
    view = rest.get_dashboard(dashboard, who.database, Response())
    kept = tuple(each for each in view.panels if each.analysis in panel)
    there = {each.analysis for each in kept}
    new = tuple(Panel(analysis=each) for each in panel if each not in there)
    body = _valid(DashboardChange, {"name": name, "panels": (*kept, *new)})
    rest.change_dashboard(str(view.id), body, who.database, Response(), if_match=seen or None)
    return see_other(f"/dashboards/{view.id}")


@router.post("/{dashboard}/delete", dependencies=[MEMBER])
def delete_dashboard(who: VisitorDep, dashboard: Reference) -> Response:
    """Remove a view and close its links."""
    rest.delete_dashboard(dashboard, who.database)
    return see_other("/dashboards")


@router.post("/{dashboard}/links", dependencies=[MEMBER])
def make_link(
    who: VisitorDep,
    background: BackgroundTasks,
    dashboard: Reference,
    days: Annotated[int, Form(ge=1, le=365)] = 7,
) -> Response:
    """Make a link and show it, this once: there is no address to come back to it."""
    view = rest.get_dashboard(dashboard, who.database, Response())
    body = LinkCreate(expires_at=utc_now() + timedelta(days=days))
    made = rest.create_dashboard_link(str(view.id), who.database, who.request, Response(), body)
    return never_stored(_shown(who, background, view, made))


@router.post("/{dashboard}/links/{link_id}/revoke", dependencies=[MEMBER])
def revoke_link(who: VisitorDep, dashboard: Reference, link_id: UUID) -> Response:
    """Close a link."""
    view = rest.get_dashboard(dashboard, who.database, Response())
    rest.revoke_dashboard_link(str(view.id), link_id, who.database)
    return see_other(f"/dashboards/{view.id}#links")


def _shown(
    who: Visitor, background: BackgroundTasks, view: DashboardOut, made: LinkMade | None = None
) -> Response:
    found = rest.list_dashboard_links(str(view.id), who.database, PageRequest(limit=LINKS))
    return shown_to(
        who,
        "dashboard.html",
        view=view,
        selection=query_of(view.selection),
        panels=Panels(who.database, view, background).shown(),
        links=found.items,
        made=made,
        days=DAYS,
        seen=rest.tag_of(view),
        kinds=KINDS,
        chosen=[each.analysis for each in view.panels],
    )


def _valid(kind: type[Model], body: object) -> Model:
    """Return what a form asks for. Raises InvalidInput for what it lacks."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise InvalidInput(forms.told(error)) from error
