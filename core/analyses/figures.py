"""What analyses are made of: the runs of one condition together, with their figures averaged."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from core import closing, datasets
from core.bodies.metrics import ReferenceFigure
from core.progress import RunDetail
from core.references import beside, best_supervised
from core.rules.metrics import METRICS, MetricName
from core.rules.scoring import Metrics
from core.rules.statistics import Interval
from core.rules.tables import Column, Table
from core.vocabulary import Task

OUTCOMES = ("answered", "refused", "unparsed", "failed", "pending")


BOUNDING = frozenset({"modality", "frames"})
"""Parts of a condition that bound how many samples fit into a request."""


class Body(BaseModel):
    """Base of what analyses return: frozen, JSON without NaN."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Analysis(Body):
    """Base of the answers of analyses: each can be shown as tables."""

    def tables(self) -> tuple[Table, ...]:
        """Return the answer as tables, the principal one first."""
        raise NotImplementedError


class Average(Body):
    """A metric over the repeats of a condition."""

    mean: float | None
    ci95: Interval | None
    """Of one run its own interval. Of several the mean of the ends: at least as wide as the
    interval of the mean, and exact where the repeats answer alike."""
    sd: float | None
    """Standard deviation over the repeats (n - 1); null of fewer than two."""
    low: float | None
    high: float | None


class Place(Body):
    """One model under one condition on one dataset."""

    dataset: str
    """name@version"""
    variant: str | None
    """What the dataset calls this version, as `five_agree`."""
    task: Task
    model: str
    condition: dict[str, Any]
    batch_size: int

    def cells(self) -> tuple[Any, ...]:
        """Return the values of `PLACE`."""
        dataset = f"{self.dataset} {self.variant or ''}".rstrip()
        return dataset, self.model, told(self.condition), self.batch_size


PLACE = (Column("dataset"), Column("model"), Column("condition"), Column("batch", "count"))
"""The columns that say what a row is about."""


class Cell(Place):
    """The runs of one place, their counts added and their metrics averaged."""

    runs: tuple[UUID, ...]
    samples: int
    answered: int
    refused: int
    unparsed: int
    failed: int
    pending: int
    scored: int
    coverage: float | None
    """Answered of all samples."""
    headline: MetricName
    metrics: dict[MetricName, Average]
    majority: float | None
    """The headline metric of always answering the most frequent class."""
    random: float | None
    """That expected of a uniform guess."""
    references: tuple[ReferenceFigure, ...]
    """Published results on the same dataset, each with its distance to the mean here."""

    @property
    def best_supervised(self) -> ReferenceFigure | None:
        """Return the supervised system with the highest value of the headline metric."""
        return best_supervised(self.references, self.headline)

    @property
    def main(self) -> Average:
        """Return the headline metric."""
        return self.metrics[self.headline]


Scored = tuple[RunDetail, Metrics]
"""A run and its figures."""


def scored(session: Session, details: Iterable[RunDetail]) -> list[Scored]:
    """Return runs with their figures: as stored when they ended, else as they are now."""
    return [(detail, closing.stored(session, detail.run)) for detail in details]


def grouped(
    details: Iterable[RunDetail], *, without: Sequence[str] = ()
) -> dict[str, list[RunDetail]]:
    """Return the runs that are alike but for their repeat and some parts of the condition.

    `without` names parts of the condition, or `batch_size`. Where it names what bounds how many
    samples fit into a request, the batch size is alike that was asked for: the same job has six
    videos of three frames in a request, and eight of one.
    """
    groups: dict[str, list[RunDetail]] = {}
    bounded = not BOUNDING.isdisjoint(without)
    for detail in details:
        kept = {k: v for k, v in detail.run.condition.items() if k not in without}
        batch = detail.run.batch_asked if bounded else detail.run.batch_size
        if "batch_size" in without:
            batch = None
        key = json.dumps([str(detail.dataset.id), detail.model, kept, batch], sort_keys=True)
        groups.setdefault(key, []).append(detail)
    return groups


def place(detail: RunDetail, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return the fields of the `Place` of a run, less some parts of its condition."""
    condition = {k: v for k, v in detail.run.condition.items() if k not in without}
    return {
        "dataset": datasets.version(detail.dataset),
        "variant": detail.spec.variant,
        "task": detail.dataset.task,
        "model": detail.model,
        "condition": condition,
        "batch_size": detail.run.batch_size,
    }


def cell(runs: Sequence[Scored]) -> Cell:
    """Return the runs of one place together."""
    detail, first = runs[0]
    counts = {name: sum(getattr(m, name) for _, m in runs) for name in ("samples", *OUTCOMES)}
    metrics = {name: average([m for _, m in runs], name) for name in METRICS}
    return Cell(
        **place(detail),
        **counts,
        runs=tuple(d.run.id for d, _ in runs),
        scored=sum(m.scored for _, m in runs),
        coverage=counts["answered"] / counts["samples"] if counts["samples"] else None,
        headline=first.headline.metric,
        metrics=metrics,
        majority=mean([m.baselines.majority for _, m in runs]),
        random=mean([m.baselines.random for _, m in runs]),
        references=beside(detail.spec, {name: one.mean for name, one in metrics.items()}),
    )


def cells(session: Session, details: Sequence[RunDetail]) -> list[Cell]:
    """Return one cell for each dataset, model and condition, in the order of the runs."""
    return [cell(scored(session, group)) for group in grouped(details).values()]


def average(runs: Sequence[Metrics], name: MetricName) -> Average:
    """Return a metric over some runs; those without it are left out."""
    figures = [getattr(metrics, name) for metrics in runs]
    values = [figure.value for figure in figures if figure.value is not None]
    intervals = [figure.ci95 for figure in figures if figure.ci95 is not None]
    ends = [mean([interval[end] for interval in intervals]) for end in (0, 1)]
    low, high = ends
    return Average(
        mean=mean(values),
        ci95=None if low is None or high is None else (low, high),
        sd=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        low=min(values, default=None),
        high=max(values, default=None),
    )


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def told(condition: Mapping[str, Any], batch_size: int | None = None) -> str:
    """Return a condition, and a batch size, in a few words; what is not set is left out."""
    words: dict[str, Callable[[Any], str]] = {
        "modality": str,
        "template": str,
        "frames": lambda n: f"{n} frames" if n != 1 else "1 frame",
        "color": str,
        "detail": str,
        "longest_side": lambda n: f"{n} px",
        "batch_size": lambda n: f"batch {n}",
    }
    parts = {**condition, "batch_size": batch_size}
    shown = (words[name](parts[name]) for name in words if parts.get(name) is not None)
    return " ".join(shown)
