"""Main results: every model on every dataset, with its interval, between the baselines."""

from matplotlib.figure import Figure

from core.analyses.figures import Cell
from core.analyses.main_results import MainResults
from core.figures.drawing import Look, Width
from core.figures.rows import Line, Mark, Panel, chart
from core.figures.sheet import blank
from core.figures.words import (
    NAMES,
    counted,
    grouped,
    hues,
    labels,
    percent,
    several_models,
    shared,
)

TITLE = "Main results"


def figure(analysis: MainResults, look: Look) -> Figure:
    """Return a row for each cell: headline metric, interval, baselines, n and coverage."""
    cells = analysis.cells
    if not cells:
        return blank(look, TITLE, "No runs in this selection")
    groups, order = {}, []
    models = several_models(cells)
    for name, numbers in grouped(cells).items():
        metric = NAMES[cells[numbers[0]].headline]
        shown = labels([cells[n] for n in numbers], models=models)
        groups[name if metric == "accuracy" else f"{name} ({metric})"] = shown
        order += numbers
    hue = hues(cells)
    wide = look.width is Width.PAGE
    lines = [_line(cells[n], hue[n], wide=wide) for n in order]
    panel = Panel(
        "headline metric, %",
        lines,
        heads=("%", "95 % interval", "n", "answered, %") if wide else ("%",),
        limits=(0, 100),
    )
    return chart(
        look, TITLE, shared(cells), _notes(cells, wide=wide), groups=groups, panels=[panel]
    ).figure


def _line(cell: Cell, hue: int, *, wide: bool) -> Line:
    main, marks = cell.main, []
    if cell.majority is not None:
        marks.append(Mark(100 * cell.majority, kind="majority"))
    if cell.random is not None:
        marks.append(Mark(100 * cell.random, kind="random"))
    if main.mean is not None:
        marks.append(Mark(100 * main.mean, in_percent(main.ci95), hue=hue))
    ci = "" if main.ci95 is None else f"{percent(main.ci95[0])}–{percent(main.ci95[1])}"
    cells = (percent(main.mean), ci, size(cell), percent(cell.coverage))
    return Line(tuple(marks), cells if wide else cells[:1])


def in_percent(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return an interval of fractions in percent."""
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def size(cell: Cell) -> str:
    """Return the samples of a run, and how many runs there are of them."""
    runs = len(cell.runs)
    each = f"{cell.samples // runs:,}"
    return each if runs == 1 else f"{each} × {runs}"


def _notes(cells: tuple[Cell, ...], *, wide: bool) -> list[str]:
    notes = [
        "Points: mean over repeats, bars: 95 % interval. Ticks: baselines, solid: majority class,"
        " dotted: uniform guess."
    ]
    if not wide:
        n = counted([cell.samples // len(cell.runs) for cell in cells])
        answered = [100 * cell.coverage for cell in cells if cell.coverage is not None]
        reach = f"; {min(answered):.2f} to {max(answered):.2f} % answered" if answered else ""
        notes.append(f"n = {n} samples a run{reach}.")
    return notes
