"""From an analysis to the bytes of a file: the one place where matplotlib is set up."""

import warnings
from collections.abc import Callable
from io import BytesIO
from threading import Lock
from typing import Any

from matplotlib import rc_context, rcParamsDefault
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from core.analyses.classes import Classes
from core.analyses.comparing import Pairwise
from core.analyses.figures import Analysis
from core.analyses.main_results import MainResults
from core.analyses.position import Position
from core.analyses.refusals import Refusals
from core.analyses.series import Varying
from core.analyses.stability import Stability
from core.figures import (
    agreement,
    confusion,
    differences,
    frames,
    main,
    refused,
    slots,
    wording,
)
from core.figures.drawing import Form, Look

DRAWINGS: dict[type[Analysis], Callable[[Any, Look], Figure]] = {
    MainResults: main.figure,
    Stability: agreement.figure,
    Pairwise: differences.of_pairs,
    Classes: confusion.figure,
    Refusals: refused.figure,
    Position: slots.figure,
}
VARYING: dict[str, Callable[[Varying, Look], Figure]] = {
    "frames": frames.figure,
    "modality": wording.figure,
    "template": wording.figure,
    "color": differences.of_series,
}
"""By what varies."""

FILES: dict[Form, tuple[type[FigureCanvasBase], dict[str, str | None]]] = {
    Form.SVG: (FigureCanvasSVG, {"Date": None, "Creator": "gerbench"}),
    Form.PNG: (FigureCanvasAgg, {"Software": None}),
}
"""What writes a file, and what it says of itself."""

SETTINGS: dict[Any, Any] = {
    **{name: value for name, value in rcParamsDefault.items() if name != "backend"},
    "font.family": ["sans-serif"],
    # The first comes with matplotlib. An SVG names all: Verdana is as wide, and widely installed.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "gerbench",
    "axes.unicode_minus": True,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
}
"""All of them, so that no file of the machine or the user changes a figure."""

# A name in a script that the font lacks is drawn as boxes in a PNG, and whole in an SVG.
warnings.filterwarnings("ignore", "Glyph", UserWarning)

ONE_AT_A_TIME = Lock()
"""matplotlib's settings belong to the process, and its drawing is not safe in threads."""


def rendered(analysis: Analysis, look: Look) -> bytes:
    """Return the file of an analysis' figure: no date, no random name, no version in it."""
    with ONE_AT_A_TIME, rc_context(SETTINGS):
        return _file(_figure(analysis, look), look.form)


def _figure(analysis: Analysis, look: Look) -> Figure:
    if isinstance(analysis, Varying):
        return VARYING[analysis.varied](analysis, look)
    return DRAWINGS[type(analysis)](analysis, look)


def _file(figure: Figure, form: Form) -> bytes:
    out = BytesIO()
    canvas, metadata = FILES[form]
    canvas(figure).print_figure(out, format=form.value, metadata=metadata)
    return out.getvalue()
