"""The pages of what runs are made from: datasets with their samples, models with their limits."""

from fastapi import APIRouter
from fastapi.responses import Response

from api.deps import PageDep
from api.pages.shell import PageRoute, VisitorDep, shown_to
from api.routes import datasets, models
from api.routes.datasets import Reference
from api.rules import VIEWER

router = APIRouter(include_in_schema=False, route_class=PageRoute)

ON_A_PAGE = 60


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
    """Show the models in use: their limits, and how these stood when a worker last looked."""
    found = models.list_models(who.database, part)
    return shown_to(
        who,
        "models.html",
        models=[models.get_model(each.name, who.database) for each in found.items],
        next_cursor=found.next_cursor,
    )
