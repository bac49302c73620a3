"""What varying one part of a condition answers: series of points, compared with the first."""

from typing import Any

from core.analyses.comparing import COMPARED, Comparison, compared
from core.analyses.figures import PLACE, Analysis, Body, Cell, Place
from core.rules.metrics import METRICS, MetricName
from core.rules.statistics import Interval
from core.rules.tables import Column, Table


class Point(Cell):
    """The runs with one value of what varies."""

    value: str
    """What varies, in words, such as `3` frames or `default@1`."""
    compared: tuple[Comparison, ...]
    """Against the first point of the series, each repeat with the same; none of the first."""


class FlippedSample(Body):
    """A sample whose answers differ along the series."""

    id: int
    name: str
    target: str | None
    """Its class; null where it decides nothing."""
    answers: dict[str, str | None]
    """By the value of what varies: the class, null where there was no answer."""


class Series(Place):
    """Runs that are alike but for what varies; its batch size is that of the first point.

    Points of frames and modalities may have others, which the model's capabilities bound.
    """

    points: tuple[Point, ...]
    spread: dict[MetricName, float | None]
    """Of each metric the highest mean of a point less the lowest."""
    flip_rate: float | None
    """Share of the samples with two answers or more whose answers are not all equal."""
    flip_ci95: Interval | None
    """Percentiles of a seeded bootstrap over the samples."""
    alpha: float | None
    """Krippendorff's alpha of the points as raters."""
    flipped: int
    flips: tuple[FlippedSample, ...]
    """The samples with the most different answers first, at most 100."""


class Varying(Analysis):
    """One series for each dataset, model and rest of the condition with two points or more."""

    varied: str
    series: tuple[Series, ...]

    def tables(self) -> tuple[Table, ...]:
        """Return points, comparisons, spread, and the samples that flip."""
        return (
            Table(self.varied, f"By {self.varied}", _POINT, [*self._points()]),
            Table("comparisons", "Each against the first", _PAIR, [*self._comparisons()]),
            Table("spread", f"Spread over {self.varied}", _SPREAD, [*self._spreads()]),
            Table("flips", "Samples that flip", _FLIP, [*self._flips()]),
        )

    def _points(self) -> list[tuple[Any, ...]]:
        return [
            (
                *_at(series, point),
                point.value,
                len(point.runs),
                point.coverage,
                name,
                point.metrics[name].mean,
                point.metrics[name].ci95,
            )
            for series in self.series
            for point in series.points
            for name in METRICS
        ]

    def _comparisons(self) -> list[tuple[Any, ...]]:
        return [
            (
                *_at(series, point),
                f"{series.points[0].value} to {point.value}",
                *compared(one, name),
            )
            for series in self.series
            for point in series.points
            for one in point.compared
            for name in METRICS
        ]

    def _spreads(self) -> list[tuple[Any, ...]]:
        return [
            (
                *series.cells(),
                len(series.points),
                *(series.spread[name] for name in METRICS),
                series.flip_rate,
                series.flip_ci95,
                series.flipped,
                series.alpha,
            )
            for series in self.series
        ]

    def _flips(self) -> list[tuple[Any, ...]]:
        return [
            (
                *series.cells(),
                sample.name,
                sample.target,
                "; ".join(f"{value}: {label or '-'}" for value, label in sample.answers.items()),
            )
            for series in self.series
            for sample in series.flips
        ]


def _at(series: Series, point: Point) -> tuple[Any, ...]:
    """Return the values of `PLACE` of a point: those of its series, with its own batch size."""
    return (*series.cells()[:-1], point.batch_size)


_POINT = (
    *PLACE,
    Column("value"),
    Column("runs", "count"),
    Column("answered", "share"),
    Column("metric"),
    Column("mean", "share"),
    Column("95 % interval", "share", interval=True),
)
_PAIR = (*PLACE, Column("compared"), *COMPARED)
_SPREAD = (
    *PLACE,
    Column("points", "count"),
    *(Column(f"{name} spread", "share") for name in METRICS),
    Column("flip rate", "share"),
    Column("95 % interval", "share", interval=True),
    Column("flipped", "count"),
    Column("alpha", "number"),
)
_FLIP = (*PLACE, Column("sample"), Column("target"), Column("answers"))
