"""Small multiples: panels of one size in rows, each with a heading."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from core.figures.drawing import Look
from core.figures.sheet import (
    BODY,
    FAINT,
    HUES,
    INCHES,
    INK,
    LINE,
    MARGIN,
    MARKERS,
    RULE,
    SMALL,
    Sheet,
    bounded,
    cut,
    printable,
    wrapped,
)
from core.rules.statistics import Interval

MAX_PANELS = 36
LEFT, BELOW, BETWEEN = 0.34, 0.32, 0.14
WIDEST = 3.3
LOWEST, HIGHEST = 1.15, 2.0
"""Of a panel without its heading and axis; between them half as high as wide."""


@dataclass(frozen=True)
class Points:
    """A line of points, with their intervals, in the units of the axes."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    intervals: Sequence[Interval | None]
    hue: int = 0


@dataclass(frozen=True)
class Facet:
    """One panel: what it is about, and its lines."""

    title: str
    below: str
    """A second, quiet line of the heading."""
    lines: Sequence[Points]
    level: float | None = None
    """A value to read the points against."""


def grid(
    look: Look,
    title: str,
    about: str,
    note: str,
    facets: Sequence[Facet],
    *,
    columns: int,
    x: str,
    y: str,
) -> Sheet:
    """Return a sheet of panels with common axes: x counts, y is in percent."""
    bounded(len(facets), MAX_PANELS, "panels")
    columns = min(columns, len(facets))
    wide = (INCHES[look.width] - 2 * MARGIN - BETWEEN * (columns - 1)) / columns
    wide = min(WIDEST, wide)
    heads = [wrapped(facet.title, wide, BODY) for facet in facets]
    head = LINE * (max(map(len, heads)) + any(facet.below for facet in facets)) + 0.06
    keys = max(len(facet.lines) for facet in facets)
    tall = min(HIGHEST, max(LOWEST, wide / 2))
    block = head + tall + BELOW + (LINE * keys if keys > 1 else 0) + 0.08
    rows = -(-len(facets) // columns)
    sheet = Sheet(look, title, about, note, height=block * rows)
    limits = _reach(facets)
    for number, facet in enumerate(facets):
        left = MARGIN + (number % columns) * (wide + BETWEEN)
        top = block * (number // columns)
        for line, text in enumerate([*heads[number], facet.below]):
            strong = line < len(heads[number])
            style = {"weight": "bold"} if strong else {"color": FAINT, "size": SMALL}
            sheet.text(left, top + LINE * (line + 0.5), text, **style)
        axes = sheet.axes(left + LEFT, top + head, wide - LEFT, tall)
        _frame(axes, limits, x, y if number % columns == 0 else "")
        _draw(axes, facet)
        if keys > 1:
            _keys(sheet, facet, left + LEFT, top + head + tall + BELOW, wide - LEFT)
    return sheet


def _frame(axes: Axes, limits: tuple[Interval, Interval], x: str, y: str) -> None:
    across, up = limits
    axes.set_xlim(across)
    axes.set_ylim(up)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(x, fontsize=BODY, color=INK, labelpad=1.5)
    axes.set_ylabel(printable(y), fontsize=BODY, color=INK, labelpad=2)


def _draw(axes: Axes, facet: Facet) -> None:
    if facet.level is not None:
        axes.axhline(facet.level, color=FAINT, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    (low, high), several = axes.get_xlim(), len(facet.lines)
    for place, line in enumerate(facet.lines):
        # Side by side, so that no interval hides another.
        aside = (place - (several - 1) / 2) * 0.025 * (high - low)
        xs, color = [value + aside for value in line.xs], HUES[line.hue % len(HUES)]
        for at, interval in zip(xs, line.intervals, strict=True):
            if interval is not None:
                axes.plot([at, at], interval, color=color, linewidth=0.9, clip_on=False, zorder=3)
        axes.plot(
            xs,
            line.ys,
            color=color,
            linewidth=0.6,
            linestyle="-" if facet.level is None else "none",
            marker=MARKERS[line.hue % len(MARKERS)],
            markersize=3.2,
            markeredgewidth=0.6,
            clip_on=False,
            zorder=4,
        )


def _keys(sheet: Sheet, facet: Facet, left: float, top: float, width: float) -> None:
    """Write below a panel which line is which."""
    for number, line in enumerate(facet.lines):
        y = top + LINE * (number + 0.5)
        axes = sheet.axes(left, y - LINE / 2, 0.1, LINE)
        axes.set_axis_off()
        axes.plot(
            [0],
            [0],
            marker=MARKERS[line.hue % len(MARKERS)],
            color=HUES[line.hue % len(HUES)],
            markersize=3.2,
        )
        sheet.text(left + 0.13, y, cut(line.label, width - 0.13, BODY))


def _reach(facets: Sequence[Facet]) -> tuple[Interval, Interval]:
    """Return what x and y span over all panels, with room; y within 0 and 100."""
    across = [x for facet in facets for line in facet.lines for x in line.xs]
    up = [*_heights(facets)]
    aside = 0.08 * (max(across) - min(across)) or 0.5
    room = 0.06 * (max(up) - min(up)) or 5.0
    return (
        (min(across) - aside, max(across) + aside),
        (max(0.0, min(up) - room), min(100.0, max(up) + room)),
    )


def _heights(facets: Sequence[Facet]) -> Iterator[float]:
    for facet in facets:
        if facet.level is not None:
            yield facet.level
        for line in facet.lines:
            yield from line.ys
            for interval in line.intervals:
                yield from interval or ()
