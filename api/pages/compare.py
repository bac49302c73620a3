"""The page that compares runs: which, chosen freely, and how each two differ."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Query
from fastapi.responses import Response

from api.deps import PageDep
from api.kept import Asked
from api.pages.analyses import KINDS, Listed, choices, listed
from api.pages.shell import PageRoute, Visitor, VisitorDep, shown_to
from api.routes import metrics
from api.routes import runs as rest
from api.rules import VIEWER
from api.schemas.analyses import MAX_NAMED, SelectionQuery
from core.analyses.comparing import Pair, Pairwise, pairwise
from core.errors import DomainError
from core.rules.metrics import METRICS, MetricName
from core.vocabulary import Task

router = APIRouter(include_in_schema=False, route_class=PageRoute)

ON_A_PAGE = 50
FEWEST = 2

Word = Annotated[str | None, Query(max_length=200)]


@router.get("/compare", dependencies=[VIEWER])
def show_compare(
    who: VisitorDep,
    background: BackgroundTasks,
    part: PageDep,
    run: Annotated[list[UUID] | None, Query(max_length=MAX_NAMED)] = None,
    dataset: Word = None,
    model: Word = None,
    task: Task | None = None,
    job: UUID | None = None,
    metric: MetricName = "accuracy",
) -> Response:
    """Show runs to choose from, and what those that are chosen have over each other."""
    chosen = list(dict.fromkeys(run or ()))
    part.limit = min(part.limit, ON_A_PAGE)
    wanted = {"task": task, "dataset": dataset, "model": model, "job": job}
    found = metrics.list_metrics(who.database, part, dataset, task, model, job)
    pairs, tables, fault = _compared(who, background, chosen)
    return shown_to(
        who,
        "compare.html",
        chosen=[rest.get_run_metrics(each, who.database) for each in chosen],
        others=[each for each in found.items if each.run_id not in chosen],
        next_cursor=found.next_cursor,
        wanted=wanted,
        fields={"run": [str(each) for each in chosen]},
        pairs=pairs,
        tables=tables,
        fault=fault,
        metric=metric,
        metrics=METRICS,
        kinds=KINDS,
        **choices(who),
    )


def _compared(
    who: Visitor, background: BackgroundTasks, chosen: list[UUID]
) -> tuple[tuple[Pair, ...], list[Listed], str | None]:
    """Return the pairs of the runs that are chosen; or why they cannot be compared."""
    if len(chosen) < FEWEST:
        return (), [], None
    asked = Asked(who.database, SelectionQuery(run=chosen), background, who.request)
    try:
        found = asked.answer(Pairwise, pairwise, "pairwise").analysis
    except DomainError as error:
        return (), [], str(error)
    return found.pairs, [listed(table, None) for table in found.tables()], None
