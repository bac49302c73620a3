"""Position: accuracy by place in the batch, a panel for each model and condition."""

from matplotlib.figure import Figure

from core.analyses.position import Position, Slots
from core.figures.drawing import Look, Width
from core.figures.grid import Facet, Points, grid
from core.figures.main import in_percent
from core.figures.sheet import blank
from core.figures.words import (
    counted,
    grouped,
    hues,
    labels,
    p_value,
    percent,
    several_models,
    shared,
)

TITLE = "Accuracy by slot in the batch"


def figure(analysis: Position, look: Look) -> Figure:
    """Return accuracy over the slots with the accuracy of all, and the test of independence."""
    places = [one for one in analysis.slots if any(slot.samples for slot in one.slots)]
    if not places:
        return blank(look, TITLE, "No run in this selection asked about several samples at once")
    facets, hue = [], hues(places)
    models = several_models(places)
    for name, numbers in grouped(places).items():
        told = labels([places[n] for n in numbers], models=models)
        facets += [
            _facet(places[n], f"{name} {label}".strip(), hue[n])
            for n, label in zip(numbers, told, strict=True)
        ]
    note = (
        "Points: share of right answers, bars: 95 % interval (Wilson); dashed: all slots together."
        f" n = {counted([s.samples for p in places for s in p.slots if s.samples])} a slot."
        " Slots are counted from 0; p: chi-square test that being right is independent of the slot."
    )
    sheet = grid(
        look,
        TITLE,
        shared(places),
        note,
        facets,
        columns=2 if look.width is Width.COLUMN else 3,
        x="slot",
        y="accuracy, %",
    )
    return sheet.figure


def _facet(place: Slots, title: str, hue: int) -> Facet:
    known = [slot for slot in place.slots if slot.accuracy is not None]
    samples, right = (sum(getattr(slot, name) for slot in known) for name in ("samples", "right"))
    test = place.test
    tested = f", χ² {test.statistic:.2f}, p {p_value(test.p)}" if test else ""
    line = Points(
        "",
        [slot.slot for slot in known],
        [100 * slot.right / slot.samples for slot in known],
        [in_percent(slot.ci95) for slot in known],
        hue,
    )
    below = f"{percent(right / samples)} % of {samples:,}{tested}"
    return Facet(title, below, [line], level=100 * right / samples)
