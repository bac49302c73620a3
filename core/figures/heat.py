"""Heat maps: cells in one hue, dark where much is, each with its number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from core.figures.sheet import BODY, INK, LINE, Sheet, cut, printable, width_of
from core.rules.metrics import Floats

SHADES = LinearSegmentedColormap.from_list("blues", colormaps["Blues"](np.linspace(0, 0.95, 20)))
"""Lightness falls evenly, so that it is read in gray as in color."""
TALLEST, WIDEST = 0.24, 0.62
"""Of a cell, in inches."""
ASIDE = 0.05
"""Before the columns that are set apart, in inches."""
LONGEST = 1.3
"""Of the name of a column, in inches."""
DARK = 0.2
"""Luminance below which white is easier to read than ink: where both contrast alike."""
LINEAR = 0.04045
"""Up to here sRGB is linear in light."""
SMALLEST = 3.6
"""Size of the type of a number, in points."""


@dataclass(frozen=True)
class Heat:
    """Numbers in rows and columns; None is no number, and its cell is left blank."""

    rows: Sequence[str]
    columns: Sequence[str]
    shades: Sequence[Sequence[float | None]]
    """From 0 to 1."""
    texts: Sequence[Sequence[str]]
    apart: int | None = None
    """The column from which on they are set apart."""


@dataclass(frozen=True)
class Frame:
    """The sizes that heat maps have in common, in inches."""

    left: float
    """Of the names of the rows."""
    cell: float
    height: float
    """Of a cell."""
    below: float
    """Of the names of the columns."""
    upright: bool
    """Whether those are written from bottom to top."""
    type_size: float
    """Of the numbers, in points."""

    def tall(self, rows: int) -> float:
        """Return the height of all of it."""
        return rows * self.height + self.below


def frame(heats: Sequence[Heat], width: float) -> Frame:
    """Return the sizes at which all of some heat maps fit a width."""
    left = max(width_of(row, BODY) for heat in heats for row in heat.rows) + 0.06
    left = min(left, 0.4 * width)
    cell = min(WIDEST, (width - left - ASIDE) / max(len(heat.columns) for heat in heats))
    head = max(width_of(column, BODY) for heat in heats for column in heat.columns)
    number = max(width_of(text, BODY) for heat in heats for row in heat.texts for text in row)
    room = cell - 0.03
    return Frame(
        left,
        cell,
        height=min(TALLEST, max(0.15, cell)),
        below=LINE + 0.06 if head <= room else min(head, LONGEST) + 0.1,
        upright=head > room,
        type_size=BODY if number <= room else max(SMALLEST, BODY * room / number),
    )


def draw(sheet: Sheet, heat: Heat, sizes: Frame, left: float, top: float) -> None:
    """Draw a heat map: rows named on its left, columns below."""
    count = len(heat.columns)
    aside = 0.0 if heat.apart is None else ASIDE
    wide, tall = count * sizes.cell + aside, len(heat.rows) * sizes.height
    axes = sheet.axes(left + sizes.left, top, wide, tall)
    axes.set_axis_off()
    axes.set_xlim(0, wide)
    axes.set_ylim(tall, 0)
    edges = [
        n * sizes.cell + (aside if heat.apart is not None and n >= heat.apart else 0)
        for n in range(count)
    ]
    for row, name in enumerate(heat.rows):
        y = row * sizes.height
        shown = cut(name, sizes.left - 0.05, BODY)
        sheet.text(left + sizes.left - 0.05, top + y + sizes.height / 2, shown, ha="right")
        for column, x in enumerate(edges):
            shade = heat.shades[row][column]
            if shade is not None:
                _cell(axes, sizes, x, y, shade=shade, text=heat.texts[row][column])
    for x, name in zip(edges, heat.columns, strict=True):
        middle = left + sizes.left + x + sizes.cell / 2
        _head(sheet, name, middle, top + tall, upright=sizes.upright)


def _cell(axes: Axes, sizes: Frame, x: float, y: float, *, shade: float, text: str) -> None:
    color = SHADES(shade)
    axes.fill(
        [x, x + sizes.cell, x + sizes.cell, x],
        [y, y, y + sizes.height, y + sizes.height],
        facecolor=color,
        edgecolor="white",
        linewidth=0.5,
    )
    axes.text(
        x + sizes.cell / 2,
        y + sizes.height / 2,
        printable(text),
        size=sizes.type_size,
        ha="center",
        va="center_baseline",
        color="white" if luminance(color) < DARK else INK,
    )


def _head(sheet: Sheet, name: str, x: float, y: float, *, upright: bool) -> None:
    if upright:
        text = cut(name, LONGEST, BODY)
        sheet.text(x, y + 0.05, text, rotation=90, ha="center", va="top")
    else:
        sheet.text(x, y + 0.05 + LINE / 2, name, ha="center")


def luminance(color: Sequence[float]) -> float:
    """Return how light a color is, from 0 to 1 (WCAG 2, relative luminance)."""
    parts: Floats = np.asarray(color[:3], dtype=np.float64)
    linear = np.where(parts <= LINEAR, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))
