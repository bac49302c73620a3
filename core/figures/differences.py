"""Color and pairs: what the second run scores more than the first, over the same samples."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from core.analyses.comparing import Comparison, Pairwise
from core.analyses.series import Varying
from core.figures.drawing import Look, Width
from core.figures.main import in_percent
from core.figures.rows import Line, Mark, Panel, chart
from core.figures.sheet import blank
from core.figures.words import (
    NAMES,
    counted,
    grouped,
    hues,
    labels,
    p_value,
    percent,
    points,
    several_models,
    shared,
    unlike,
    versions,
)
from core.rules.metrics import MetricName


@dataclass(frozen=True)
class Compared:
    """A comparison as a row: under which heading, called what."""

    group: str
    label: str
    comparison: Comparison
    metric: MetricName
    hue: int = 0


def of_series(analysis: Varying, look: Look) -> Figure:
    """Return every point of color against the first, repeat by repeat."""
    series, title = analysis.series, "Color against gray"
    if not series:
        return blank(look, title, "No two runs in this selection differ in color alone")
    rows, hue, models = [], hues(series), several_models(series)
    for name, numbers in grouped(series).items():
        told = labels([series[n] for n in numbers], models=models)
        for n, label in zip(numbers, told, strict=True):
            first = series[n].points[0]
            for point in series[n].points[1:]:
                words = f"{label} {point.value} − {first.value}".strip()
                rows += [
                    Compared(name, words + _repeat(i, point.compared), one, first.headline, hue[n])
                    for i, one in enumerate(point.compared)
                ]
    return _drawn(rows, look, title, shared(series))


def of_pairs(analysis: Pairwise, look: Look) -> Figure:
    """Return every pair of runs: the accuracy of the second less that of the first."""
    title = "Pairs of runs"
    if not analysis.pairs:
        return blank(look, title, "No two runs in this selection are over the same dataset")
    names = versions(analysis.pairs)
    short, about = unlike([run for pair in analysis.pairs for run in (pair.first, pair.second)])
    rows = [
        Compared(
            names[pair.dataset],
            f"{short[pair.second]} − {short[pair.first]}",
            pair.compared,
            "accuracy",
        )
        for pair in analysis.pairs
    ]
    return _drawn(rows, look, title, about)


def _repeat(number: int, among: tuple[Comparison, ...]) -> str:
    return f" #{number + 1}" if len(among) > 1 else ""


def _drawn(rows: list[Compared], look: Look, title: str, about: str) -> Figure:
    wide = look.width is Width.PAGE
    groups: dict[str, list[str]] = {}
    for row in rows:
        metric = "" if row.metric == "accuracy" else f" ({NAMES[row.metric]})"
        groups.setdefault(row.group + metric, []).append(row.label)
    heads = ("Δ, points", "95 % interval", "McNemar p", "flips, %", "n")
    panel = Panel(
        "difference, percentage points",
        [_line(row, wide=wide) for row in rows],
        heads if wide else heads[:1],
        zero=True,
    )
    return chart(look, title, about, _note(rows), groups=groups, panels=[panel]).figure


def _line(row: Compared, *, wide: bool) -> Line:
    of = row.comparison
    found = of.metrics[row.metric]
    marks = (
        ()
        if found.difference is None
        else (Mark(100 * found.difference, in_percent(found.ci95), hue=row.hue),)
    )
    ci = "" if found.ci95 is None else " to ".join(map(points, found.ci95))
    cells = (points(found.difference), ci, p_value(of.p), percent(of.flip_rate), f"{of.samples:,}")
    return Line(marks, cells if wide else cells[:1])


def _note(rows: list[Compared]) -> str:
    n = counted([row.comparison.samples for row in rows])
    return (
        "Points: second run less first, over the samples that both scored; bars: 95 % interval of"
        f" a paired bootstrap. n = {n}. McNemar's test is of accuracy, exact, and not corrected"
        " for the number of rows."
    )
