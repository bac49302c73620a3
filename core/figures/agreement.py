"""Stability: how far repeats agree, and how far their accuracy spreads."""

from collections.abc import Callable

from matplotlib.figure import Figure

from core.analyses.stability import Repeats, Stability
from core.figures.drawing import Look
from core.figures.main import in_percent
from core.figures.rows import Line, Mark, Panel, chart
from core.figures.sheet import blank
from core.figures.words import counted, grouped, hues, labels, percent, several_models, shared
from core.rules.statistics import Interval

TITLE = "Stability of repeats"


def figure(analysis: Stability, look: Look) -> Figure:
    """Return kappa, alpha, flip rate and the spread of accuracy of each place with repeats."""
    places = analysis.repeats
    if not places:
        return blank(look, TITLE, "Nothing in this selection was run twice")
    groups, order, models = {}, [], several_models(places)
    for name, numbers in grouped(places).items():
        groups[name] = labels([places[n] for n in numbers], models=models)
        order += numbers
    hue = hues(places)

    def lines(one: Callable[[Repeats, int], Line]) -> list[Line]:
        return [one(places[n], hue[n]) for n in order]

    panels = [
        Panel("Fleiss' κ", lines(_kappa), ("κ",), floor=-1, ceiling=1),
        Panel("Krippendorff's α", lines(_alpha), ("α",), floor=-1, ceiling=1),
        Panel("flip rate, %", lines(_flips), ("%",), floor=0, ceiling=100),
        Panel("accuracy, %", lines(_spread), ("%",), floor=0, ceiling=100),
    ]
    return chart(look, TITLE, shared(places), _note(places), groups=groups, panels=panels).figure


def _kappa(of: Repeats, hue: int) -> Line:
    return _coefficient(of.kappa, of.kappa_ci95, hue)


def _alpha(of: Repeats, hue: int) -> Line:
    return _coefficient(of.alpha, of.alpha_ci95, hue)


def _coefficient(value: float | None, interval: Interval | None, hue: int) -> Line:
    if value is None:
        return Line((), ("",))
    return Line((Mark(value, interval, hue=hue),), (f"{value:.3f}".replace("-", "−"),))


def _flips(of: Repeats, hue: int) -> Line:
    marks = (
        ()
        if of.flip_rate is None
        else (Mark(100 * of.flip_rate, in_percent(of.flip_ci95), hue=hue),)
    )
    return Line(marks, (percent(of.flip_rate),))


def _spread(of: Repeats, hue: int) -> Line:
    """Return the mean accuracy between the lowest and the highest, and that of the vote."""
    found, marks = of.metrics["accuracy"], []
    if of.vote_accuracy is not None:
        marks.append(Mark(100 * of.vote_accuracy, kind="open", hue=hue))
    if found.mean is not None and found.low is not None and found.high is not None:
        marks.append(Mark(100 * found.mean, (100 * found.low, 100 * found.high), hue=hue))
    return Line(tuple(marks), (percent(found.mean),))


def _note(places: tuple[Repeats, ...]) -> str:
    runs = counted([len(of.runs) for of in places])
    n = counted([of.samples for of in places])
    return (
        "κ, α, flip rate: bars are 95 % intervals of a bootstrap over samples. Accuracy: mean,"
        " bars from the lowest to the highest repeat; open diamonds: majority vote."
        f" {runs} runs of n = {n} samples."
    )
