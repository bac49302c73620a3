"""The pages of what runs are made from: datasets with their samples, models with their limits."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from api.deps import PageDep, PageRequest
from api.pages.shell import PageRoute, VisitorDep, shown_to
from api.routes import datasets, models, teams
from api.routes.datasets import Reference
from api.rules import VIEWER

router = APIRouter(include_in_schema=False, route_class=PageRoute)

ON_A_PAGE = 60
MONTHS = 24
Chosen = Annotated[str, Path(max_length=64)]


@router.get("/datasets", dependencies=[VIEWER])
def show_datasets(who: VisitorDep, part: PageDep) -> Response:
    """Show every version of every dataset."""
    found = datasets.list_datasets(who.database, part)
    return shown_to(who, "datasets.html", datasets=found.items, next_cursor=found.next_cursor)


@router.get("/datasets/{name}", dependencies=[VIEWER])
def show_dataset(who: VisitorDep, part: PageDep, name: Reference) -> Response:
    """Show a version of a dataset, and its samples a page at a time."""
    part.limit = min(part.limit, ON_A_PAGE)
    found = datasets.list_samples(name, who.database, part)
    return shown_to(
        who,
        "dataset.html",
        dataset=datasets.get_dataset(name, who.database),
        samples=found.items,
        next_cursor=found.next_cursor,
    )


@router.get("/models", dependencies=[VIEWER])
def show_models(who: VisitorDep, part: PageDep) -> Response:
    """Show the models in use: health, the use of their limits, and what they cost."""
    found = models.list_details(who.database, part)
    return shown_to(who, "models.html", models=found.items, next_cursor=found.next_cursor)


@router.get("/models/{name}", dependencies=[VIEWER])
def show_model(who: VisitorDep, name: Chosen) -> Response:
    """Show a model: how its limits stand, what it cost each month, how it is declared."""
    spend = teams.list_spend(who.database, PageRequest(limit=MONTHS), name)
    return shown_to(
        who,
        "model.html",
        model=models.get_model(name, who.database),
        months=spend.items,
    )
