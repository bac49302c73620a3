"""The pages of one run: its figures and its confusion matrix, and its raw attempts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Path, Query
from fastapi.responses import Response

from api.deps import PageDep, PatienceDep
from api.kept import Asked
from api.pages.shell import PageRoute, Visitor, VisitorDep, shown_to
from api.routes import attempts
from api.routes import runs as rest
from api.rules import VIEWER
from api.schemas.analyses import SelectionQuery
from core.analyses.classes import Classes, Matrix, classes
from core.analyses.position import Position, Slots, position
from core.figures.drawing import Normalise
from core.rules.scoring import OUT_OF_VOCABULARY

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Cells = tuple[tuple[float | None, ...], ...]


@router.get("/runs/{run_id}", dependencies=[VIEWER])
def show_run(
    who: VisitorDep,
    patience: PatienceDep,
    background: BackgroundTasks,
    run_id: UUID,
    show: Annotated[Normalise, Query()] = Normalise.COUNTS,
) -> Response:
    """Show what a run came to; while it runs, over the samples that have ended."""
    run = rest.get_run(run_id, who.database, patience)
    matrix, slots = _analysed(who, background, run_id)
    return shown_to(
        who,
        "run.html",
        run=run,
        metrics=rest.get_run_metrics(run_id, who.database),
        matrix=matrix,
        slots=slots,
        show=show,
        shades=None if matrix is None else shades(matrix, show),
        ways=(Normalise.COUNTS, Normalise.ROWS, Normalise.COLUMNS),
        beyond=OUT_OF_VOCABULARY,
    )


@router.get("/runs/{run_id}/attempts", dependencies=[VIEWER])
def show_attempts(who: VisitorDep, patience: PatienceDep, part: PageDep, run_id: UUID) -> Response:
    """Show every exchange of a run with its provider."""
    run = rest.get_run(run_id, who.database, patience)
    found = rest.list_attempts(run_id, who.database, part)
    return shown_to(
        who, "attempts.html", run=run, attempts=found.items, next_cursor=found.next_cursor
    )


@router.get("/attempts/{attempt_id}", dependencies=[VIEWER])
def show_attempt(who: VisitorDep, attempt_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> Response:
    """Show what was sent and what came back, verbatim."""
    return shown_to(who, "attempt.html", attempt=attempts.get_attempt(attempt_id, who.database))


def shades(matrix: Matrix, show: Normalise) -> Cells:
    """Return how dark each cell of a matrix is, in [0, 1]; None where there is nothing."""
    if show is Normalise.ROWS:
        return matrix.by_row
    if show is Normalise.COLUMNS:
        return matrix.by_column
    most = max((count for row in matrix.counts for count in row), default=0) or 1
    return tuple(tuple(count / most for count in row) for row in matrix.counts)


def _analysed(
    who: Visitor, background: BackgroundTasks, run_id: UUID
) -> tuple[Matrix | None, Slots | None]:
    """Return the confusion matrix of a run, and its accuracy by slot."""
    asked = Asked(who.database, SelectionQuery(run=[run_id]), background, who.request)
    matrices = asked.answer(Classes, classes, "classes", by="condition").analysis.matrices
    slots = asked.answer(Position, position, "position").analysis.slots
    return next(iter(matrices), None), next(iter(slots), None)
