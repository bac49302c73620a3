"""Fusion and templates: a row for each value of what varies, in the order of the series."""

from matplotlib.figure import Figure

from core.analyses.series import Point, Series, Varying
from core.figures.drawing import Look, Width
from core.figures.main import in_percent, size
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

TITLES = {"modality": "What is shown of a sample", "template": "Wording of the prompt"}


def figure(analysis: Varying, look: Look) -> Figure:
    """Return the points of every series, with the spread and the share of samples that flip."""
    title, series = TITLES[analysis.varied], analysis.series
    if not series:
        return blank(
            look, title, f"No two runs in this selection differ in {analysis.varied} alone"
        )
    groups: dict[str, list[str]] = {}
    lines: list[Line] = []
    hue, models = hues(series), several_models(series)
    for name, numbers in grouped(series).items():
        told = labels([series[n] for n in numbers], models=models)
        for n, label in zip(numbers, told, strict=True):
            groups[_heading(name, label, series[n])] = [p.value for p in series[n].points]
            wide = look.width is Width.PAGE
            lines += [_line(point, hue[n], wide=wide) for point in series[n].points]
    heads = ("%", "n", "answered, %") if look.width is Width.PAGE else ("%",)
    panel = Panel("headline metric, %", lines, heads, floor=0, ceiling=100)
    about = shared(series)
    return chart(look, title, about, _note(series), groups=groups, panels=[panel]).figure


def _heading(name: str, label: str, series: Series) -> str:
    metric = series.points[0].headline
    return f"{name} {label}".strip() + ("" if metric == "accuracy" else f" ({NAMES[metric]})")


def _line(point: Point, hue: int, *, wide: bool) -> Line:
    main = point.main
    marks = () if main.mean is None else (Mark(100 * main.mean, in_percent(main.ci95), hue=hue),)
    cells = (percent(main.mean), size(point), percent(point.coverage))
    return Line(marks, cells if wide else cells[:1])


def _note(series: tuple[Series, ...]) -> str:
    n = counted([point.samples // len(point.runs) for one in series for point in one.points])
    flips = [one.flip_rate for one in series if one.flip_rate is not None]
    note = f"Points: mean over repeats, bars: 95 % interval. n = {n} samples a run."
    if not flips:
        return note
    low, high = percent(min(flips)), percent(max(flips))
    reach = low if low == high else f"{low} to {high}"
    return f"{note} Samples whose answer changes within a series: {reach} %."
