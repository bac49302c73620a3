"""Main results: every model on every dataset, between the baselines and the published systems."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from core.analyses.figures import Cell
from core.analyses.main_results import MainResults
from core.figures.drawing import Look, Width
from core.figures.rows import Kind, Line, Mark, Panel, chart
from core.figures.sheet import blank
from core.figures.words import (
    NAMES,
    counted,
    grouped,
    hues,
    labels,
    percent,
    points,
    several_models,
    shared,
)
from core.rules.statistics import Interval

TITLE = "Main results"


def figure(analysis: MainResults, look: Look) -> Figure:
    """Return a row for each cell: headline metric, interval, baselines, references, n, coverage."""
    cells = analysis.cells
    if not cells:
        return blank(look, TITLE, "No runs in this selection")
    groups: dict[str, list[str]] = {}
    order: list[int] = []
    models = several_models(cells)
    for name, numbers in grouped(cells).items():
        metric = NAMES[cells[numbers[0]].headline]
        shown = labels([cells[n] for n in numbers], models=models)
        groups[name if metric == "accuracy" else f"{name} ({metric})"] = shown
        order += numbers
    hue, columns = hues(cells), _columns(cells, look)
    panel = Panel(
        "headline metric, %",
        [Line(_marks(cells[n], hue[n]), _texts(cells[n], columns)) for n in order],
        heads=columns,
        limits=(0, 100),
    )
    note = _note(cells, look)
    return chart(look, TITLE, shared(cells), note, groups=groups, panels=[panel]).figure


def in_percent(interval: Interval | None) -> Interval | None:
    """Return an interval of fractions in percent."""
    return None if interval is None else (100 * interval[0], 100 * interval[1])


def size(cell: Cell) -> str:
    """Return the samples of a run, and how many runs there are of them."""
    runs = len(cell.runs)
    each = f"{cell.samples // runs:,}"
    return each if runs == 1 else f"{each} × {runs}"


def _columns(cells: Sequence[Cell], look: Look) -> tuple[str, ...]:
    if look.width is Width.COLUMN:
        return ("%",)
    if any(cell.best_supervised for cell in cells):
        return ("%", "95 % interval", "Δ best", "n", "answered, %")
    return ("%", "95 % interval", "n", "answered, %")


def _texts(cell: Cell, columns: tuple[str, ...]) -> tuple[str, ...]:
    ci95, best = cell.main.ci95, cell.best_supervised
    texts = {
        "%": percent(cell.main.mean),
        "95 % interval": "" if ci95 is None else "–".join(map(percent, ci95)),
        "Δ best": points(best.delta) if best else "",
        "n": size(cell),
        "answered, %": percent(cell.coverage),
    }
    return tuple(texts[column] for column in columns)


def _marks(cell: Cell, hue: int) -> tuple[Mark, ...]:
    """Return the marks of a row, from the lowest layer to the highest."""
    baselines: tuple[tuple[Kind, float | None], ...] = (
        ("majority", cell.majority),
        ("random", cell.random),
    )
    marks = [Mark(100 * value, kind=kind) for kind, value in baselines if value is not None]
    marks += [
        Mark(100 * each.value, kind="open")
        for each in cell.references
        if each.metric == cell.headline and each.kind == "supervised"
    ]
    if cell.main.mean is not None:
        marks.append(Mark(100 * cell.main.mean, in_percent(cell.main.ci95), hue=hue))
    return tuple(marks)


def _note(cells: Sequence[Cell], look: Look) -> str:
    note = (
        "Points: mean over repeats, bars: 95 % interval. Ticks: baselines, solid: majority class,"
        " dotted: uniform guess."
    )
    if any(cell.best_supervised for cell in cells):
        note += " Open diamonds: published supervised systems"
        note += "; Δ: distance to the best of them." if look.width is Width.PAGE else "."
    if look.width is Width.PAGE:
        return note
    n = counted([cell.samples // len(cell.runs) for cell in cells])
    answered = [cell.coverage for cell in cells if cell.coverage is not None]
    reach = f"; {percent(min(answered))} to {percent(max(answered))} % answered" if answered else ""
    return f"{note} n = {n} samples a run{reach}."
