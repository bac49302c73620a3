"""A sheet of paper: sizes in inches, the type, and what surrounds every drawing."""

import re
from functools import lru_cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from core.errors import InvalidInput
from core.figures.drawing import Look, Width

INCHES = {Width.COLUMN: 3.3, Width.PAGE: 7.0}
DPI = 300
MARGIN = 0.06
TITLE, BODY, SMALL = 8.0, 6.5, 5.8
"""Sizes of type in points."""
LINE = 0.118
"""From one line of `BODY` to the next."""
INK, FAINT, RULE = "#1a1a1a", "#5c5c5c", "#e3e3e3"

HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito, "Color universal design" (2008): told apart with any color vision."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Beside the hues, for print without color."""

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What XML does not take."""
BREAK = re.compile("(?<!=) +(?![=%])")
"""Where a line may end: not within `n = 3` or `95 %`."""


class Sheet:
    """A figure with a title, a line on what it is about, and a note; drawn on in inches.

    Places are counted from the left and from the top of what lies between title and note.
    """

    def __init__(self, look: Look, title: str, about: str, note: str, *, height: float) -> None:
        self.width = INCHES[look.width]
        inner = self.width - 2 * MARGIN
        heads = wrapped(about, inner, BODY)
        feet = wrapped(note, inner, SMALL)
        self._top = MARGIN + 0.16 + LINE * len(heads) + 0.04
        self._height = self._top + height + 0.04 + LINE * len(feet) + MARGIN
        self.figure = Figure((self.width, self._height), dpi=DPI, facecolor="white")
        self.text(MARGIN, 0.09 + MARGIN - self._top, title, size=TITLE, weight="bold")
        for number, line in enumerate(heads):
            self.text(MARGIN, MARGIN + 0.225 + number * LINE - self._top, line, color=FAINT)
        for number, line in enumerate(feet):
            below = height + 0.04 + (number + 0.5) * LINE
            self.text(MARGIN, below, line, size=SMALL, color=FAINT)

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write at a place, centred on it vertically."""
        given = {"size": BODY, "color": INK, "ha": "left", "va": "center_baseline", **style}
        at = x / self.width, 1 - (self._top + y) / self._height
        self.figure.text(*at, printable(text), **given)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Return axes with only a line below, in quiet ink."""
        place = (
            x / self.width,
            1 - (self._top + y + height) / self._height,
            width / self.width,
            height / self._height,
        )
        made = self.figure.add_axes(place)
        made.spines[["top", "right", "left"]].set_visible(False)
        made.spines["bottom"].set_color(FAINT)
        made.tick_params(labelsize=SMALL, color=FAINT, labelcolor=INK, pad=2)
        made.set_axisbelow(True)
        return made


def blank(look: Look, title: str, reason: str) -> Figure:
    """Return a figure that says why there is nothing on it."""
    return Sheet(look, title, reason, "", height=0.05).figure


def bounded(count: int, most: int, what: str) -> None:
    """Raise InvalidInput for more than one figure can show."""
    if count > most:
        raise InvalidInput(
            f"a figure shows at most {most} {what}, and here are {count}: choose by dataset, model,"
            " task, job or run; tables show them all"
        )


def printable(text: str) -> str:
    """Return a text as it can be drawn: one line without control characters."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


@lru_cache(maxsize=4096)
def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide a text is, in inches."""
    kind = FontProperties(family="sans-serif", size=size, weight=weight)
    wide, _, _ = TextToPath().get_text_width_height_descent(printable(text), kind, ismath=False)
    return float(wide) / 72


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Return a text as lines that fit; a word that does not is cut."""
    lines: list[str] = []
    for word in filter(None, BREAK.split(printable(text))):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(joined, size) <= width:
            lines[-1] = joined
        else:
            lines.append(cut(word, width, size))
    return lines


def cut(text: str, width: float, size: float) -> str:
    """Return a text, or as much of its beginning as fits."""
    if width_of(text, size) <= width:
        return text
    kept = text
    while kept and width_of(f"{kept}…", size) > width:
        kept = kept[:-1]
    return f"{kept}…"
