"""From a tally of predictions to the figures of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.rules import baselines
from core.rules.metrics import (
    METRICS,
    Counts,
    Floats,
    Margins,
    MetricName,
    f1,
    margins,
    precision,
    recall,
)
from core.rules.specs import ScoringRules
from core.rules.statistics import Interval, percentile_interval, resampled, wilson
from core.vocabulary import Outcome

OUT_OF_VOCABULARY = "out_of_vocabulary"
EXTRA_COLUMNS = (OUT_OF_VOCABULARY, Outcome.REFUSED, Outcome.UNPARSED, Outcome.FAILED)
"""Columns of the confusion matrix after the labels, in this order."""

TOP_K = (1, 2, 3)


@dataclass(frozen=True)
class Cell:
    """How many samples of a run share a target and what became of them: one row of a GROUP BY."""

    target: str | None
    """Its class; None where it decides nothing, so that the samples are excluded."""
    outcome: Outcome | None
    """None: pending."""
    label: str | None
    """The class of the first ranked label, where that is one of the dataset's."""
    in_vocabulary: bool | None
    rank: int | None
    """Place of the first right label among the ranked, from 1; None where there is none."""
    count: int


class _Body(BaseModel):
    """Base of the figures: frozen, JSON without NaN."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Headline(_Body):
    """The figure that the dataset is known by."""

    metric: MetricName
    value: float | None


class Figure(_Body):
    """One metric, with what the missing answers could do to it."""

    value: float | None
    """Over the scored samples alone; null when there are none."""
    ci95: Interval | None
    """Wilson for accuracy, else percentiles of a seeded bootstrap of the confusion matrix."""
    strict: float | None
    """Over all samples but the excluded: one that was not scored counts as wrong."""
    bounds: Interval | None
    """Over the same samples: those that were not scored all wrong, and all right."""


class ClassFigures(_Body):
    """One class over the scored samples. Null: nothing to divide by."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


class Confusion(_Body):
    """Samples by target (row) and by what became of them (column)."""

    labels: tuple[str, ...]
    columns: tuple[str, ...]
    """The labels, then `EXTRA_COLUMNS`. Pending samples are in none."""
    counts: tuple[tuple[int, ...], ...]


class Baseline(_Body):
    """What knowing nothing scores on all of the run's samples. Exact."""

    majority: float | None
    """Always the most frequent class."""
    random: float | None
    """The expectation of a uniform guess among the labels."""


class Baselines(Baseline):
    """The baselines of the headline metric, and those of accuracy."""

    accuracy: Baseline


class Metrics(_Body):
    """All figures of a run that depend on its predictions alone. Fractions are in [0, 1]."""

    headline: Headline
    samples: int
    answered: int
    refused: int
    unparsed: int
    failed: int
    pending: int
    out_of_vocabulary: int
    """Of the answered: the first label is none of the dataset's."""
    excluded: int = 0
    """Samples whose target decides nothing (a number of exactly 0): they are in no figure."""
    scored: int
    """The denominator: answered, less the excluded, less those out of vocabulary where dropped."""
    accuracy: Figure
    uar: Figure
    weighted_f1: Figure
    macro_f1: Figure
    top_k: dict[str, float | None]
    """Share of the scored samples whose target is among the first k labels."""
    per_class: tuple[ClassFigures, ...]
    confusion: Confusion
    baselines: Baselines


def score(
    cells: Iterable[Cell],
    *,
    labels: Sequence[str],
    rules: ScoringRules,
    seed: int = 0,
    resamples: int = 1000,
) -> Metrics:
    """Return the figures of a run from its tally, in any order and however finely grouped.

    `labels` pins the classes (the labels, or what they are mapped to): one without samples is in
    no average, and an answer outside the
    list is an error in its target's row (`wrong`) or no answer (`dropped`). Raises ValueError for
    a target that is none of the labels: the dataset itself would be broken.
    """
    tally = _tally(cells, labels, dropped=rules.out_of_vocabulary == "dropped")
    figures = _figures(tally, seed=seed, resamples=resamples)
    support = tally.counts.sum(axis=1).astype(np.float64)
    by_column = (tally.counts.sum(axis=0) + tally.excluded)[len(labels) :]
    beyond, refused, unparsed, failed, pending = (int(n) for n in by_column)
    excluded, scored = int(tally.excluded.sum()), int(tally.scored.sum())
    samples = int(tally.counts.sum()) + excluded
    return Metrics(
        headline=Headline(metric=rules.headline, value=figures[rules.headline].value),
        samples=samples,
        answered=samples - refused - unparsed - failed - pending,
        refused=refused,
        unparsed=unparsed,
        failed=failed,
        pending=pending,
        out_of_vocabulary=beyond,
        excluded=excluded,
        scored=scored,
        accuracy=figures["accuracy"],
        uar=figures["uar"],
        weighted_f1=figures["weighted_f1"],
        macro_f1=figures["macro_f1"],
        top_k={
            str(k): n / scored if scored else None for k, n in zip(TOP_K, tally.within, strict=True)
        },
        per_class=_per_class(tally, labels),
        confusion=_confusion(tally, labels),
        baselines=_baselines(support, rules.headline),
    )


@dataclass(frozen=True)
class _Tally:
    counts: Counts
    """All samples but the excluded: a row for each class; the confusion matrix's columns, then
    the pending."""
    excluded: Counts
    """The excluded samples, by the same columns."""
    scored: Counts
    """The part of `counts` that the figures are made of: labels, then out of vocabulary."""
    within: tuple[int, ...]
    """Scored samples whose target is among the first k labels, for each k of `TOP_K`."""


def _tally(cells: Iterable[Cell], labels: Sequence[str], *, dropped: bool) -> _Tally:
    index = {label: place for place, label in enumerate(labels)}
    beyond = len(labels)
    ended = {word: beyond + place for place, word in enumerate((*EXTRA_COLUMNS, None))}
    counts = np.zeros((beyond, beyond + len(ended)), dtype=np.int64)
    excluded = np.zeros(counts.shape[1], dtype=np.int64)
    within = [0] * len(TOP_K)
    for cell in cells:
        if cell.target is not None and cell.target not in index:
            raise ValueError(f"target {cell.target!r} is none of the labels")
        if cell.outcome is Outcome.ANSWERED:
            known = cell.in_vocabulary and cell.label is not None
            column = index.get(cell.label or "", beyond) if known else beyond
        else:
            column = ended[cell.outcome]
        if cell.target is None:
            excluded[column] += cell.count
            continue
        counts[index[cell.target], column] += cell.count
        if cell.rank is None or column > beyond or (dropped and column == beyond):
            continue
        for place, k in enumerate(TOP_K):
            within[place] += cell.count if cell.rank <= k else 0
    scored = counts[:, : beyond + 1].copy()
    if dropped:
        scored[:, beyond] = 0
    return _Tally(counts, excluded, scored, tuple(within))


def _figures(tally: _Tally, *, seed: int, resamples: int) -> dict[MetricName, Figure]:
    seen = margins(tally.scored)
    missing = tally.counts.sum(axis=1).astype(np.float64) - seen.support
    none = np.zeros_like(missing)
    # A missing answer that is wrong names no class: it costs its own class recall, none precision.
    wrong = seen + Margins(hits=none, support=missing, predicted=none)
    right = seen + Margins(hits=missing, support=missing, predicted=missing)
    drawn = resampled(tally.scored, seed=seed, resamples=resamples)
    figures: dict[MetricName, Figure] = {}
    for name, metric in METRICS.items():
        low, high = number(metric(wrong)), number(metric(right))
        if name == "accuracy":
            interval = wilson(int(seen.hits.sum()), int(seen.support.sum()))
        else:
            interval = None if drawn is None else percentile_interval(metric(drawn))
        figures[name] = Figure(
            value=number(metric(seen)),
            ci95=interval,
            strict=low,
            bounds=None if low is None or high is None else (low, high),
        )
    return figures


def _per_class(tally: _Tally, labels: Sequence[str]) -> tuple[ClassFigures, ...]:
    seen = margins(tally.scored)
    shares = zip(precision(seen), recall(seen), f1(seen), seen.support, strict=True)
    return tuple(
        ClassFigures(
            label=label, precision=number(p), recall=number(r), f1=number(f), support=int(n)
        )
        for label, (p, r, f, n) in zip(labels, shares, strict=True)
    )


def _confusion(tally: _Tally, labels: Sequence[str]) -> Confusion:
    shown = tally.counts[:, : len(labels) + len(EXTRA_COLUMNS)].tolist()
    return Confusion(
        labels=tuple(labels),
        columns=(*labels, *(str(column) for column in EXTRA_COLUMNS)),
        counts=tuple(tuple(row) for row in shown),
    )


def _baselines(support: Floats, headline: MetricName) -> Baselines:
    return Baselines(
        majority=baselines.majority(support, headline),
        random=baselines.random(support, headline),
        accuracy=Baseline(
            majority=baselines.majority(support, "accuracy"),
            random=baselines.random(support, "accuracy"),
        ),
    )


def number(value: Floats | float) -> float | None:
    """Return a figure as JSON knows it: None for NaN."""
    return None if np.isnan(value) else float(value)
