"""The figures of a confusion matrix, as formulas on its margins.

Every formula takes margins of shape (..., classes) and answers shape (...), so that one formula
serves the matrix itself and all of its bootstrap resamples. No data is NaN here and null in
`core.rules.scoring`; never 0.

The class list is pinned: margins have one entry for each label of the dataset, whether or not it
occurs. A class without samples has no recall and takes no part in an average, exactly as
scikit-learn does with `labels=` the classes that occur among the targets. Answers outside the
list are in `support` and nowhere else, so a stray label can never change a denominator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
MetricName = Literal["accuracy", "uar", "weighted_f1", "macro_f1"]


@dataclass(frozen=True)
class Margins:
    """All that the metrics need of a confusion matrix; each of shape (..., classes)."""

    hits: Floats
    """The diagonal: samples of the class that were labelled so."""
    support: Floats
    """Row sums: samples of the class."""
    predicted: Floats
    """Column sums: samples that were labelled so."""

    def __add__(self, other: "Margins") -> "Margins":
        return Margins(
            self.hits + other.hits, self.support + other.support, self.predicted + other.predicted
        )


def margins(counts: Counts) -> Margins:
    """Return the margins of a matrix: a row for each class, a column for each class and then more.

    Columns past the classes hold answers that name none of them. Raises ValueError when there
    are fewer columns than rows.
    """
    classes, columns = counts.shape
    if columns < classes:
        raise ValueError("a confusion matrix has at least one column for each class")
    exact = counts.astype(np.float64)
    return Margins(exact.diagonal(), exact.sum(axis=1), exact.sum(axis=0)[:classes])


def accuracy(of: Margins) -> Floats:
    """Return the share of samples labelled right, also known as weighted average recall (WAR)."""
    return ratio(of.hits.sum(axis=-1), of.support.sum(axis=-1))


def recall(of: Margins) -> Floats:
    """Return hits / support of each class; NaN where a class has no samples."""
    return ratio(of.hits, of.support)


def precision(of: Margins) -> Floats:
    """Return hits / predicted of each class; NaN where nothing was labelled so."""
    return ratio(of.hits, of.predicted)


def f1(of: Margins) -> Floats:
    """Return 2 hits / (support + predicted) of each class, the harmonic mean of both shares.

    NaN only where a class neither has samples nor was ever named.
    """
    return ratio(2 * of.hits, of.support + of.predicted)


def uar(of: Margins) -> Floats:
    """Return the unweighted average recall: the mean over the classes that have samples.

    After Schuller et al., "The INTERSPEECH 2009 Emotion Challenge".
    """
    return _mean_over_supported(recall(of), of)


def macro_f1(of: Margins) -> Floats:
    """Return the mean of F1 over the classes that have samples."""
    return _mean_over_supported(f1(of), of)


def weighted_f1(of: Margins) -> Floats:
    """Return the mean of F1 weighted by the samples of each class."""
    weighted = np.where(of.support > 0, f1(of) * of.support, 0.0)
    return ratio(weighted.sum(axis=-1), of.support.sum(axis=-1))


METRICS: Mapping[MetricName, Callable[[Margins], Floats]] = {
    "accuracy": accuracy,
    "uar": uar,
    "weighted_f1": weighted_f1,
    "macro_f1": macro_f1,
}


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    out = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def _mean_over_supported(values: Floats, of: Margins) -> Floats:
    supported = of.support > 0
    total = np.where(supported, values, 0.0).sum(axis=-1)
    return ratio(total, supported.sum(axis=-1).astype(np.float64))
