"""Refusals: the share that was refused of each dataset, by model and template."""

from collections import defaultdict

from matplotlib.figure import Figure

from core.analyses.refusals import Refusals, RefusalShare
from core.figures.drawing import Look
from core.figures.heat import Heat, draw, frame
from core.figures.sheet import INCHES, MARGIN, Sheet, blank, bounded
from core.figures.words import counted, percent, several_models, versions

TITLE = "Refused samples"
MAX_ROWS, MAX_COLUMNS = 120, 40


def figure(analysis: Refusals, look: Look) -> Figure:
    """Return a heat map of datasets by model and template; what was not run is left blank."""
    places = analysis.shares
    if not places:
        return blank(look, TITLE, "No runs in this selection")
    heat = _heat(places)
    bounded(len(heat.rows), MAX_ROWS, "rows")
    bounded(len(heat.columns), MAX_COLUMNS, "columns")
    sizes = frame([heat], INCHES[look.width] - 2 * MARGIN)
    about = "" if several_models(places) else places[0].model
    sheet = Sheet(look, TITLE, about, _note(places), height=sizes.tall(len(heat.rows)))
    draw(sheet, heat, sizes, MARGIN, 0.04)
    return sheet.figure


def _heat(places: tuple[RefusalShare, ...]) -> Heat:
    """Return the shares, with whatever is more in rows; shades reach to the highest share."""
    names, models = versions(places), several_models(places)
    samples: dict[tuple[str, str], int] = defaultdict(int)
    refused: dict[tuple[str, str], int] = defaultdict(int)
    for place in places:
        column = f"{place.model} {place.template}" if models else place.template
        samples[names[place.dataset], column] += place.samples
        refused[names[place.dataset], column] += place.refused
    rows, columns = list(dict.fromkeys(row for row, _ in samples)), sorted({c for _, c in samples})
    shares = [
        [refused[key] / samples[key] if samples.get(key) else None for key in keys]
        for keys in ([(row, column) for column in columns] for row in rows)
    ]
    if len(columns) > len(rows):
        rows, columns, shares = columns, rows, [list(line) for line in zip(*shares, strict=True)]
    most = max((share for line in shares for share in line if share is not None), default=0.0)
    return Heat(
        rows,
        columns,
        [[None if share is None else share / (most or 1.0) for share in line] for line in shares],
        [[percent(share) for share in line] for line in shares],
    )


def _note(places: tuple[RefusalShare, ...]) -> str:
    total, refused = sum(p.samples for p in places), sum(p.refused for p in places)
    n = counted([place.samples for place in places])
    return (
        f"Refused of all samples with an outcome, %; blank: not run. {refused:,} of {total:,};"
        f" n = {n} for each model and condition. Repeats and other parts of the condition are"
        " added up."
    )
