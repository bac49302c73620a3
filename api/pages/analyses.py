"""The pages of analyses, each with its figure and its tables, and the benchmark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Query
from fastapi.responses import Response

from api.deps import PageRequest
from api.kept import Asked
from api.pages.shell import PageRoute, Visitor, VisitorDep, shown_to
from api.routes import datasets, models
from api.rules import VIEWER
from api.schemas.analyses import SelectionQuery
from core.analyses import varying
from core.analyses.classes import Classes, classes
from core.analyses.comparing import Pairwise, pairwise
from core.analyses.figures import Analysis, Cell
from core.analyses.main_results import MainResults, main_results
from core.analyses.position import Position, position
from core.analyses.refusals import Refusals, refusals
from core.analyses.series import Varying
from core.analyses.stability import Stability, stability
from core.errors import NotFound
from core.rules.tables import Table, shown
from core.vocabulary import Task

router = APIRouter(include_in_schema=False, route_class=PageRoute)

MOST_ROWS = 200
"""Rows of a table on a page; its CSV has all of them."""
CHOICES = 500
OWN = ("sort",)
"""What the address of a page has that the API's has not."""


@dataclass(frozen=True)
class Kind:
    """One analysis: what it tells, and how it is asked for."""

    title: str
    tells: str
    analysis: type[Analysis]
    compute: Callable[..., Any]
    needs_choice: bool = False
    """Whether it is of no use over all runs there are."""
    arguments: tuple[tuple[str, str], ...] = ()


KINDS = {
    "main": Kind("Main results", "every model on every dataset", MainResults, main_results),
    "temporal": Kind("Frames", "what more frames of a video are worth", Varying, varying.temporal),
    "fusion": Kind("Text, video, both", "what each modality adds", Varying, varying.fusion),
    "templates": Kind(
        "Wording", "how far figures move with the prompt", Varying, varying.templates
    ),
    "color": Kind("Color against gray", "what color is worth", Varying, varying.color),
    "stability": Kind("Repeats", "how far the repeats of a run agree", Stability, stability),
    "pairwise": Kind(
        "Compare", "two or more runs, sample by sample", Pairwise, pairwise, needs_choice=True
    ),
    "classes": Kind(
        "Classes", "which is taken for which", Classes, classes, arguments=(("by", "condition"),)
    ),
    "refusals": Kind("Refusals", "what was refused, and what that cost", Refusals, refusals),
    "position": Kind("Place in the batch", "whether the place matters", Position, position),
}


@dataclass(frozen=True)
class Listed:
    """A table as it stands on a page: its rows in words."""

    table: Table
    rows: Sequence[Sequence[str]]
    total: int


SelectionDep = Annotated[SelectionQuery, Depends()]
Sort = Annotated[str | None, Query(max_length=80, description="`table.column`; `-` in front: down")]


@router.get("/benchmark", dependencies=[VIEWER])
def show_benchmark(
    who: VisitorDep, background: BackgroundTasks, selection: SelectionDep, sort: Sort = None
) -> Response:
    """Show datasets x models beside baselines and published systems."""
    found = _asked(who, background, selection, "main")
    cells = found.cells if isinstance(found, MainResults) else ()
    return shown_to(
        who,
        "benchmark.html",
        grid=grid(cells),
        systems=sorted({cell.model for cell in cells}),
        tables=[listed(table, sort) for table in found.tables()],
        sort=sort,
        **_filters(who),
    )


@router.get("/analyses", dependencies=[VIEWER])
def show_analyses(who: VisitorDep) -> Response:
    """List the analyses."""
    return shown_to(who, "analyses.html", kinds=KINDS)


@router.get("/analyses/{name}", dependencies=[VIEWER])
def show_analysis(
    who: VisitorDep,
    background: BackgroundTasks,
    name: str,
    selection: SelectionDep,
    sort: Sort = None,
) -> Response:
    """Show what a selection of runs says together."""
    if name not in KINDS:
        raise NotFound(f"there is no analysis {name!r}; /analyses lists them")
    chosen = selection.selection
    waits = KINDS[name].needs_choice and not (chosen.runs or chosen.job or chosen.dataset)
    tables = () if waits else _asked(who, background, selection, name).tables()
    return shown_to(
        who,
        "analysis.html",
        name=name,
        kind=KINDS[name],
        waits=waits,
        tables=[listed(table, sort) for table in tables],
        sort=sort,
        **_filters(who),
    )


def grid(cells: Sequence[Cell]) -> list[tuple[Cell, dict[str, list[Cell]]]]:
    """Return the cells by dataset, then by model; of each dataset the best one comes first."""
    rows: dict[tuple[str, str | None], dict[str, list[Cell]]] = {}
    for cell in cells:
        row = rows.setdefault((cell.dataset, cell.variant), {})
        row.setdefault(cell.model, []).append(cell)
    return [(_best([cell for part in row.values() for cell in part]), row) for row in rows.values()]


def _best(cells: Sequence[Cell]) -> Cell:
    """Return the cell with the highest headline metric; one without a figure is below all."""
    return max(cells, key=lambda cell: -1.0 if cell.main.mean is None else cell.main.mean)


def listed(table: Table, sort: str | None) -> Listed:
    """Return a table as it stands on a page, in the order of one of its columns."""
    rows = ordered(table, sort)
    words = [
        [shown(column, value) for column, value in zip(table.columns, row, strict=True)]
        for row in rows[:MOST_ROWS]
    ]
    return Listed(replace(table, rows=rows), words, len(rows))


def ordered(table: Table, sort: str | None) -> Sequence[Sequence[Any]]:
    """Return the rows of a table by a column; those without a value last, either way."""
    name, _, head = (sort or "").lstrip("-").partition(".")
    place = next((i for i, column in enumerate(table.columns) if column.head == head), None)
    if name != table.name or place is None:
        return table.rows
    known = [row for row in table.rows if row[place] is not None]
    missing = [row for row in table.rows if row[place] is None]
    down = (sort or "").startswith("-")
    return sorted(known, key=lambda row: row[place], reverse=down) + missing


def _asked(
    who: Visitor, background: BackgroundTasks, selection: SelectionQuery, name: str
) -> Analysis:
    """Return an analysis as its route does, kept where it was asked for before."""
    kind, asked = KINDS[name], Asked(who.database, selection, background, who.request)
    found: Analysis = asked.answer(
        kind.analysis, kind.compute, name, **dict(kind.arguments)
    ).analysis
    return found


def _filters(who: Visitor) -> dict[str, Any]:
    """Return what the form of filters offers and holds."""
    given = who.request.query_params
    return {
        "fields": {name: given.getlist(name) for name in dict.fromkeys(given) if name not in OWN},
        "kinds": KINDS,
        **choices(who),
    }


def choices(who: Visitor) -> dict[str, Any]:
    """Return what a form offers to choose runs by."""
    every = datasets.list_datasets(who.database, PageRequest(limit=CHOICES)).items
    named = models.list_models(who.database, PageRequest(limit=CHOICES)).items
    return {
        "datasets": sorted({each.name for each in every}),
        "models": [each.name for each in named],
        "tasks": list(Task),
    }
