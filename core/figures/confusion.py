"""Classes: confusion matrices, targets in rows, answers in columns."""

from matplotlib.figure import Figure

from core.analyses.classes import Classes, Matrix
from core.figures.drawing import Look, Normalise, Width
from core.figures.heat import Heat, draw, frame
from core.figures.sheet import (
    BODY,
    FAINT,
    INCHES,
    LINE,
    MARGIN,
    SMALL,
    Sheet,
    blank,
    bounded,
    wrapped,
)
from core.figures.words import unlike, versions
from core.vocabulary import Outcome

TITLE = "Confusion"
MAX_MATRICES = 24
FEW = 11
"""Columns of matrices that fit beside each other on a page."""
BETWEEN = 0.2
SHORT = {"out_of_vocabulary": "other"}
RARE = (Outcome.UNPARSED, Outcome.FAILED)
"""Columns that are left out where they are empty."""
SAID = {
    Normalise.ROWS: "Shares of the samples of the target, %.",
    Normalise.COLUMNS: "Shares of the samples with that answer, %.",
    Normalise.COUNTS: "Samples; shaded by their share of the target.",
}


def figure(analysis: Classes, look: Look) -> Figure:
    """Return every matrix, in counts or shares, on one scale of shades."""
    matrices = analysis.matrices
    if not matrices:
        return blank(look, TITLE, "No runs in this selection")
    bounded(len(matrices), MAX_MATRICES, "matrices")
    heats = [_heat(matrix, look.normalise) for matrix in matrices]
    inner = INCHES[look.width] - 2 * MARGIN
    fit = look.width is Width.PAGE and max(len(heat.columns) for heat in heats) <= FEW
    across = min(2 if fit else 1, len(heats))
    wide = (inner - BETWEEN * (across - 1)) / across
    sizes = frame(heats, wide)
    titles, about = _titles(matrices)
    heads = [wrapped(title, wide, BODY) for title in titles]
    rows = [range(start, min(start + across, len(heats))) for start in range(0, len(heats), across)]
    tops = [0.0]
    for row in rows:
        lines = max(len(heads[n]) for n in row) + 1
        tall = max(sizes.tall(len(heats[n].rows)) for n in row)
        tops.append(tops[-1] + lines * LINE + 0.06 + tall + 0.1)
    sheet = Sheet(look, TITLE, about, _note(look), height=tops[-1])
    for top, row in zip(tops, rows, strict=False):
        lines = max(len(heads[n]) for n in row)
        for place, n in enumerate(row):
            left = MARGIN + place * (wide + BETWEEN)
            for line, text in enumerate(heads[n]):
                sheet.text(left, top + (line + 0.5) * LINE, text, weight="bold")
            total = f"n = {sum(map(sum, matrices[n].counts)):,}"
            sheet.text(left, top + (lines + 0.5) * LINE, total, size=SMALL, color=FAINT)
            draw(sheet, heats[n], sizes, left, top + (lines + 1) * LINE + 0.06)
    return sheet.figure


def _heat(matrix: Matrix, normalise: Normalise) -> Heat:
    shares = matrix.by_column if normalise is Normalise.COLUMNS else matrix.by_row
    kept = [
        n
        for n, column in enumerate(matrix.columns)
        if column not in RARE or any(row[n] for row in matrix.counts)
    ]
    texts = (
        [[f"{row[n]:,}" for n in kept] for row in matrix.counts]
        if normalise is Normalise.COUNTS
        else [
            ["" if (share := row[n]) is None else f"{100 * share:.2f}" for n in kept]
            for row in shares
        ]
    )
    return Heat(
        matrix.labels,
        [SHORT.get(matrix.columns[n], matrix.columns[n]) for n in kept],
        [[row[n] for n in kept] for row in shares],
        texts,
        apart=len(matrix.labels),
    )


def _titles(matrices: tuple[Matrix, ...]) -> tuple[list[str], str]:
    """Return what each matrix is of, and what they share."""
    names = versions(matrices)
    full = [matrix.title for matrix in matrices]
    short, about = unlike(full) if len(full) > 1 else ({full[0]: full[0]}, "")
    return [
        short[matrix.title].replace(matrix.dataset or "", names.get(matrix.dataset or "", ""))
        or names.get(matrix.dataset or "", matrix.model)
        for matrix in matrices
    ], about


def _note(look: Look) -> str:
    return (
        f"Targets in rows, answers in columns. {SAID[look.normalise]} Set apart: answers outside"
        " the labels (other), and samples without an answer. Repeats are added up."
    )
