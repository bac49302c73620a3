"""Analyses over REST: what a selection of runs says together, as JSON, tables or a figure."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from api import cursors
from api.deps import DatabaseDep, PageDep
from api.kept import Answer, AskedDep
from api.rules import VIEWER
from api.schemas.analyses import (
    CaseOut,
    CaseQuery,
    Format,
    SelectionQuery,
    ShownQuery,
    TableQuery,
)
from api.schemas.base import Page
from api.schemas.problem import problems
from core.analyses import cases, varying
from core.analyses.classes import By, Classes, classes
from core.analyses.comparing import Pairwise, pairwise
from core.analyses.main_results import MainResults, main_results
from core.analyses.position import Position, position
from core.analyses.refusals import Refusals, refusals
from core.analyses.series import Varying
from core.analyses.stability import Stability, stability
from core.errors import InvalidInput
from core.figures.drawing import Normalise, drawn
from core.rules.tables import Table, to_csv, to_latex, to_markdown

TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.MARKDOWN: "text/markdown; charset=utf-8",
    Format.LATEX: "application/x-latex; charset=utf-8",
    Format.SVG: "image/svg+xml",
    Format.PNG: "image/png",
}
TABLES = (Format.CSV, Format.MARKDOWN, Format.LATEX)


def _content(formats: Iterable[Format]) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of what a 200 may be beside JSON."""
    return {200: {"content": {TYPES[each].partition(";")[0]: {} for each in formats}}}


router = APIRouter(
    prefix="/analyses", tags=["analyses"], responses={**_content(TYPES), **problems(404)}
)

SelectionDep = Annotated[SelectionQuery, Depends()]
ShownDep = Annotated[ShownQuery, Depends()]
TableDep = Annotated[TableQuery, Depends()]
NormaliseQuery = Annotated[
    Normalise, Query(description="What the cells of a figure show: shares, or counts")
]
CaseDep = Annotated[CaseQuery, Depends()]


@router.get("/main", dependencies=[VIEWER], summary="Main results", response_model=MainResults)
def get_main(asked: AskedDep, shown: ShownDep) -> Any:
    """Return datasets x models: every metric with its interval, baselines, coverage."""
    return _shown(asked.answer(MainResults, main_results, "main"), shown)


@router.get("/temporal", dependencies=[VIEWER], summary="Frames", response_model=Varying)
def get_temporal(asked: AskedDep, shown: ShownDep) -> Any:
    """Return how the figures change with the number of frames."""
    return _shown(asked.answer(Varying, varying.temporal, "temporal"), shown)


@router.get("/fusion", dependencies=[VIEWER], summary="Text, video, both", response_model=Varying)
def get_fusion(asked: AskedDep, shown: ShownDep) -> Any:
    """Return how the figures change with what is shown of a sample."""
    return _shown(asked.answer(Varying, varying.fusion, "fusion"), shown)


@router.get(
    "/templates", dependencies=[VIEWER], summary="Wording of the prompt", response_model=Varying
)
def get_template_analysis(asked: AskedDep, shown: ShownDep) -> Any:
    """Return the spread over templates, and which samples flip."""
    return _shown(asked.answer(Varying, varying.templates, "templates"), shown)


@router.get("/color", dependencies=[VIEWER], summary="Color against gray", response_model=Varying)
def get_color(asked: AskedDep, shown: ShownDep) -> Any:
    """Return what color is worth, sample by sample."""
    return _shown(asked.answer(Varying, varying.color, "color"), shown)


@router.get("/stability", dependencies=[VIEWER], summary="Repeats", response_model=Stability)
def get_stability(asked: AskedDep, shown: ShownDep) -> Any:
    """Return how far the repeats of each condition agree."""
    return _shown(asked.answer(Stability, stability, "stability"), shown)


@router.get("/pairwise", dependencies=[VIEWER], summary="Two runs", response_model=Pairwise)
def get_pairwise(asked: AskedDep, shown: ShownDep) -> Any:
    """Return every pair of the selected runs over one dataset, compared sample by sample."""
    return _shown(asked.answer(Pairwise, pairwise, "pairwise"), shown)


@router.get("/classes", dependencies=[VIEWER], summary="Confusion", response_model=Classes)
def get_classes(
    asked: AskedDep,
    shown: ShownDep,
    by: By = "condition",
    normalise: NormaliseQuery = Normalise.ROWS,
) -> Any:
    """Return confusion matrices, the figures of each class, and the most confused pairs."""
    found = asked.answer(Classes, partial(classes, by=by), "classes", by=by)
    return _shown(found, shown, normalise)


@router.get("/refusals", dependencies=[VIEWER], summary="Refusals", response_model=Refusals)
def get_refusals(asked: AskedDep, shown: ShownDep) -> Any:
    """Return what was refused where, which samples, and what the refusals cost."""
    return _shown(asked.answer(Refusals, refusals, "refusals"), shown)


@router.get(
    "/position", dependencies=[VIEWER], summary="Place in the batch", response_model=Position
)
def get_position(asked: AskedDep, shown: ShownDep) -> Any:
    """Return accuracy by slot in the batch, and what another batch size changes."""
    return _shown(asked.answer(Position, position, "position"), shown)


@router.get(
    "/cases",
    dependencies=[VIEWER],
    summary="Single predictions",
    response_model=Page[CaseOut],
    responses=_content(TABLES),
)
def list_cases(
    database: DatabaseDep,
    page: PageDep,
    query: SelectionDep,
    wanted: CaseDep,
    shown: TableDep,
) -> Any:
    """Return predictions with their samples and where their raw answers are.

    As a table a page is the same page; `X-Next-Cursor` goes on.
    """
    with database.read() as session:
        found = cases.cases(
            session, query.selection, wanted.filter, after=page.after, limit=page.limit
        )
    if shown.format is Format.JSON:
        return Page.of(found, CaseOut.of)
    answer = _rendered((cases.table(found.rows),), shown)
    if found.next_key is not None:
        answer.headers["X-Next-Cursor"] = cursors.write(found.next_key)
    return answer


def _shown(
    answer: Answer[Any], shown: ShownQuery, normalise: Normalise = Normalise.ROWS
) -> Response:
    """Return an analysis as it was asked for; raises InvalidInput for a table of a figure."""
    if shown.format is Format.JSON:
        return Response(answer.body, media_type="application/json")
    look = shown.look(normalise)
    if look is None:
        return _rendered(answer.analysis.tables(), shown)
    if shown.table is not None:
        raise InvalidInput("a figure shows no one table: leave out `table`, or ask for a table")
    return Response(drawn(answer.analysis, look), media_type=TYPES[shown.format])


def _rendered(tables: Sequence[Table], shown: ShownQuery | TableQuery) -> Response:
    """Return tables in a format; raises InvalidInput for one that there is not."""
    if shown.table is not None:
        found = [table for table in tables if table.name == shown.table]
        if not found:
            names = ", ".join(table.name for table in tables)
            raise InvalidInput(f"there is no table {shown.table!r} here, only: {names}")
        tables = found
    if shown.format is Format.CSV:
        text = to_csv(tables[0])
    else:
        text = (to_latex if shown.format is Format.LATEX else to_markdown)(tables)
    return Response(text, media_type=TYPES[shown.format])
