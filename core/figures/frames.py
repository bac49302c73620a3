"""Temporal: what more frames of a video are worth, a panel for each dataset."""

from matplotlib.figure import Figure

from core.analyses.series import Series, Varying
from core.figures.drawing import Look, Width
from core.figures.grid import Facet, Points, grid
from core.figures.main import in_percent
from core.figures.sheet import blank
from core.figures.words import NAMES, counted, grouped, hues, labels, percent, shared

TITLE = "Frames of a video"


def figure(analysis: Varying, look: Look) -> Figure:
    """Return the headline metric over the number of frames, a line for each series."""
    series = analysis.series
    if not series:
        return blank(look, TITLE, "No two runs in this selection differ in their frames alone")
    several = len({one.model for one in series}) < len(series)
    hue = list(range(len(series))) if several else hues(series)
    facets = []
    for name, numbers in grouped(series).items():
        told = labels([series[n] for n in numbers], models=True)
        metric = NAMES[series[numbers[0]].points[0].headline]
        flips = ", ".join(percent(series[n].flip_rate) for n in numbers if series[n].flip_rate)
        lines = [_line(series[n], label, hue[n]) for n, label in zip(numbers, told, strict=True)]
        below = metric + (f"; {flips} % flip" if flips else "")
        facets.append(Facet(name, below, lines))
    sheet = grid(
        look,
        TITLE,
        shared(series),
        _note(series),
        facets,
        columns=2 if look.width is Width.COLUMN else 3,
        x="frames",
        y="headline metric, %",
    )
    return sheet.figure


def _line(series: Series, label: str, hue: int) -> Points:
    known = [
        (float(point.value), 100 * point.main.mean, in_percent(point.main.ci95))
        for point in series.points
        if point.main.mean is not None
    ]
    values = " ".join(f"{mean:.2f}" for _, mean, _ in known)
    return Points(
        f"{label}  {values}",
        [x for x, _, _ in known],
        [y for _, y, _ in known],
        [interval for _, _, interval in known],
        hue,
    )


def _note(series: tuple[Series, ...]) -> str:
    n = counted([point.samples // len(point.runs) for one in series for point in one.points])
    answered = [p.coverage for one in series for p in one.points if p.coverage is not None]
    reach = f"; {percent(min(answered))} to {percent(max(answered))} % answered" if answered else ""
    return f"Points: mean over repeats, bars: 95 % interval. n = {n} samples a run{reach}."
