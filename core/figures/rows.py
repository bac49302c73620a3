"""Rows of points with intervals: labels on the left, the values in figures on the right."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from core.figures.drawing import Look, Width
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
    width_of,
    wrapped,
)
from core.rules.statistics import Interval

MAX_ROWS = 120
PAD = 0.035
"""Above and below the text of a row."""
GAP = 0.07
"""Before the rows of another group, and between panels."""
COLUMN = 0.11
"""Between columns of figures."""
INDENT = 0.08
HEADS = 0.17
AXIS = 0.30
TALL = 4.0
"""From this height on the axis is marked at both ends."""
LABELS = {Width.COLUMN: 0.42, Width.PAGE: 0.38}
"""Share of the width that labels may take at most."""
Kind = Literal["point", "open", "majority", "random"]


@dataclass(frozen=True)
class Mark:
    """One value of a row, in the units of its panel."""

    value: float
    interval: Interval | None = None
    kind: Kind = "point"
    hue: int = 0


@dataclass(frozen=True)
class Line:
    """What a panel shows in one row."""

    marks: tuple[Mark, ...]
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One axis across all rows."""

    axis: str
    lines: Sequence[Line]
    heads: tuple[str, ...] = ()
    """Over the cells."""
    limits: Interval | None = None
    """Where the axis ends; None: where the values do, with some room."""
    floor: float | None = None
    ceiling: float | None = None
    """What values cannot lie beyond."""
    zero: bool = False
    """Whether there is a line at 0."""


@dataclass
class Band:
    """The rows of a chart from top to bottom: where each is, and what stands beside it."""

    middles: list[float] = field(default_factory=list)
    texts: list[tuple[float, str, str, float]] = field(default_factory=list)
    """Height, text, weight, indent."""
    height: float = 0.0


def chart(
    look: Look,
    title: str,
    about: str,
    note: str,
    *,
    groups: dict[str, list[str]],
    panels: Sequence[Panel],
) -> Sheet:
    """Return a sheet with rows, labelled group by group, and panels beside or below each other."""
    bounded(sum(map(len, groups.values())), MAX_ROWS, "rows")
    stacked = look.width is Width.COLUMN and len(panels) > 1
    band, labels = _band(look, groups)
    block = HEADS + band.height + AXIS
    sheet = Sheet(look, title, about, note, height=block * (len(panels) if stacked else 1))
    room = sheet.width - 2 * MARGIN - labels - GAP
    each = room if stacked else (room - GAP * (len(panels) - 1)) / len(panels)
    for number, panel in enumerate(panels):
        top = HEADS + block * number * stacked
        if stacked or number == 0:
            for y, text, weight, indent in band.texts:
                sheet.text(MARGIN + indent, top + y, text, weight=weight)
        left = MARGIN + labels + GAP + (0 if stacked else number * (each + GAP))
        _panel(sheet, panel, band, left=left, top=top, width=each)
    return sheet


def _band(look: Look, groups: dict[str, list[str]]) -> tuple[Band, float]:
    """Return where the rows are, and the width of their labels."""
    most = LABELS[look.width] * INCHES[look.width]
    band, before = Band(), 1
    for name, labels in groups.items():
        if band.middles and (before > 1 or len(labels) > 1):
            band.height += GAP
        before = len(labels)
        if before == 1 and width_of(f"{name}  {labels[0]}", BODY, "bold") <= most:
            _alone(band, name, labels[0])
            continue
        _lines(band, wrapped(name, most, BODY), 0.0, "bold")
        for label in labels:
            top = band.height
            _lines(band, wrapped(label, most - INDENT, BODY) or [""], INDENT)
            band.middles.append((top + band.height) / 2)
    return band, max(at + width_of(text, BODY, weight) for _, text, weight, at in band.texts)


def _alone(band: Band, name: str, label: str) -> None:
    """Add the only row of a group: its name and its label on one line."""
    top = band.height
    _lines(band, [name], 0.0, "bold")
    middle = (top + band.height) / 2
    band.middles.append(middle)
    band.texts.append((middle, label, "normal", width_of(f"{name}  ", BODY, "bold")))


def _lines(band: Band, lines: Sequence[str], indent: float, weight: str = "normal") -> None:
    """Add lines of text to a band."""
    band.height += PAD / 2
    for line in lines:
        band.texts.append((band.height + LINE / 2, line, weight, indent))
        band.height += LINE
    band.height += PAD / 2


def _panel(
    sheet: Sheet, panel: Panel, band: Band, *, left: float, top: float, width: float
) -> None:
    columns = [
        max(width_of(text, BODY) for text in (head, *(line.cells[n] for line in panel.lines)))
        for n, head in enumerate(panel.heads)
    ]
    plot = width - sum(columns) - COLUMN * len(columns)
    axes = sheet.axes(left, top, plot, band.height)
    _axis(axes, panel, band)
    for middle, line in zip(band.middles, panel.lines, strict=True):
        axes.axhline(middle, color=RULE, linewidth=0.5, zorder=0)
        for mark in line.marks:
            _mark(axes, mark, middle)
    right = left + plot
    for n, head in enumerate(panel.heads):
        right += COLUMN + columns[n]
        sheet.text(right, -HEADS / 2 + top, head, ha="right", size=SMALL, color=FAINT)
        for middle, line in zip(band.middles, panel.lines, strict=True):
            sheet.text(right, top + middle, line.cells[n], ha="right")


def _axis(axes: Axes, panel: Panel, band: Band) -> None:
    axes.set_ylim(band.height, 0)
    axes.set_yticks([])
    axes.set_xlim(*(panel.limits or _limits(panel)))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="x", color=RULE, linewidth=0.5)
    axes.set_xlabel(panel.axis, fontsize=BODY, color=INK, labelpad=1.5)
    if band.height > TALL:
        axes.tick_params(top=True, labeltop=True)
    if panel.zero:
        axes.axvline(0, color=FAINT, linewidth=0.7, zorder=1)


def _limits(panel: Panel) -> Interval:
    """Return where an axis ends: beyond all marks, and symmetric about a zero line."""
    ends = [
        end
        for line in panel.lines
        for mark in line.marks
        for end in (mark.value, *(mark.interval or ()))
    ]
    if not ends:
        return 0.0, 1.0
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    if panel.zero:
        far = max(abs(low), abs(high)) + room
        return -far, far
    low, high = low - room, high + room
    # A mark on the edge is still drawn whole: nothing is clipped.
    return (
        low if panel.floor is None else max(low, panel.floor),
        high if panel.ceiling is None else min(high, panel.ceiling),
    )


def _mark(axes: Axes, mark: Mark, y: float) -> None:
    color, shape = HUES[mark.hue % len(HUES)], MARKERS[mark.hue % len(MARKERS)]
    if mark.kind in {"majority", "random"}:
        style = "-" if mark.kind == "majority" else (0, (1.2, 1.0))
        reach = [y - 0.045, y + 0.045]
        axes.plot([mark.value] * 2, reach, color=FAINT, linewidth=0.9, linestyle=style, zorder=2)
        return
    if mark.interval is not None:
        axes.plot(mark.interval, [y, y], color=color, linewidth=0.9, clip_on=False, zorder=3)
    is_open = mark.kind == "open"
    axes.plot(
        [mark.value],
        [y],
        marker="d" if is_open else shape,
        markersize=3.2,
        markerfacecolor="white" if is_open else color,
        markeredgecolor=INK if is_open else color,
        markeredgewidth=0.6,
        linestyle="none",
        clip_on=False,
        zorder=4,
    )
