"""The door to the figures: what one may be asked to be, and the one place that loads matplotlib."""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import cast

from core.analyses.figures import Analysis


class Form(StrEnum):
    """The file that a figure becomes."""

    SVG = "svg"
    PNG = "png"


class Width(StrEnum):
    """How much of a printed page a figure takes."""

    COLUMN = "column"
    """One column of two: 3.3 inches."""
    PAGE = "page"
    """Both: 7 inches."""


class Normalise(StrEnum):
    """What a cell of a confusion matrix shows."""

    ROWS = "rows"
    """Shares of the samples of the target."""
    COLUMNS = "columns"
    """Shares of the samples with that answer."""
    COUNTS = "counts"


@dataclass(frozen=True)
class Look:
    """How a figure is wanted."""

    form: Form
    width: Width = Width.PAGE
    normalise: Normalise = Normalise.ROWS


def drawn(analysis: Analysis, look: Look) -> bytes:
    """Return an analysis as a figure; the same analysis gives the same bytes.

    Raises InvalidInput for more than a figure can show. Loads matplotlib when it is called first:
    0.4 s and 30 MB that a service without figures does not spend (docs/adr/0010-figures.md).
    """
    return cast("bytes", import_module("core.figures.rendering").rendered(analysis, look))
