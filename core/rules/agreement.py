"""How far several runs agree on the same samples, whoever is right.

A rating is the label that one run (the rater) gave to one sample (the unit). Runs that answered
nothing certain for a sample leave a gap there; each figure says what it does with gaps. Figures
take a `Tally`, and weights of shape (..., patterns) in its place of `weights`, so that one
formula serves the samples themselves and all of their bootstrap resamples. No data is NaN.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.rules.metrics import Floats, ratio
from core.rules.statistics import CHUNK, Interval, percentile_interval

Codes = NDArray[np.int64]
"""Labels as numbers from 0."""

MISSING = -1
"""The code of a rating that is not there."""


@dataclass(frozen=True)
class Tally:
    """Units grouped by how often each label was given to them: all that the figures need."""

    counts: Floats
    """Shape (patterns, labels): how many raters gave each label."""
    weights: Floats
    """Shape (..., patterns): how many units have each pattern."""

    @property
    def ratings(self) -> Floats:
        """Return how many ratings a unit of each pattern has."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.float64)


def tally(ratings: Codes, labels: int) -> Tally:
    """Return the tally of ratings of shape (raters, units), codes below `labels` or MISSING.

    Raises ValueError for a code out of range.
    """
    if ratings.size and not MISSING <= ratings.min() <= ratings.max() < labels:
        raise ValueError(f"codes are {MISSING} to {labels - 1}")
    patterns, weights = _patterns(np.sort(ratings, axis=0), labels)
    counts = np.zeros((patterns.shape[1], labels))
    for row in patterns:
        given = row != MISSING
        np.add.at(counts, (np.flatnonzero(given), row[given]), 1.0)
    return Tally(counts, weights.astype(np.float64))


def _patterns(ratings: Codes, labels: int) -> tuple[Codes, Codes]:
    """Return the columns that differ, and how often each occurs."""
    raters = ratings.shape[0]
    if (labels + 1) ** raters >= 2**62:
        found, times = np.unique(ratings, axis=1, return_counts=True)
        return found, times
    place = (labels + 1) ** np.arange(raters, dtype=np.int64)
    keys, times = np.unique(place @ (ratings + 1), return_counts=True)
    return keys // place[:, None] % (labels + 1) - 1, times


def pairwise_agreement(of: Tally) -> Floats:
    """Return the share of all pairs of ratings of the same unit that are equal.

    Sum over units of n_k (n_k - 1) over all labels k, divided by the sum of n (n - 1), where n_k
    raters gave label k and n rated the unit at all. Units with fewer than two ratings have none.
    """
    n = of.ratings
    equal = (of.counts * (of.counts - 1)).sum(axis=1)
    return ratio(of.weights @ equal, of.weights @ (n * (n - 1)))


def fleiss_kappa(of: Tally, raters: int) -> Floats:
    """Return Fleiss' kappa over the units that all `raters` rated; those with gaps are left out.

    (P - Pe) / (1 - Pe): P is the mean over units of the share of agreeing pairs, Pe the sum of
    the squared shares of the labels among all ratings. Fleiss, "Measuring nominal scale agreement
    among many raters" (1971). NaN where only one label was ever given: there is no chance
    agreement to correct for.
    """
    if raters < 2:  # noqa: PLR2004 - agreement takes two
        return np.full(of.weights.shape[:-1], np.nan)
    whole = of.weights * (of.ratings == raters)
    units = whole.sum(axis=-1)
    equal = (of.counts * (of.counts - 1)).sum(axis=1)
    observed = ratio(whole @ equal, units * raters * (raters - 1))
    shares = ratio(whole @ of.counts, (units * raters)[..., None] + np.zeros(of.counts.shape[1]))
    return _beyond_chance(observed, (shares**2).sum(axis=-1))


def krippendorff_alpha(of: Tally) -> Floats:
    """Return Krippendorff's alpha for nominal data, gaps allowed.

    1 - Do / De over the coincidence matrix: a unit with n >= 2 ratings adds n_c (n_k - [c = k]) /
    (n - 1) to cell (c, k); Do is the share off the diagonal, De that expected of the margins
    without replacement. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011). NaN
    where only one label was ever given.
    """
    n = of.ratings
    paired = of.weights * (n >= 2)  # noqa: PLR2004 - a pair is two
    per_rating = np.where(n > 1, 1 / np.maximum(n - 1, 1), 0.0)
    equal = (of.counts * (of.counts - 1)).sum(axis=1) * per_rating
    totals = paired @ of.counts
    pairable = totals.sum(axis=-1)
    observed = ratio(paired @ equal, pairable)
    expected = ratio((totals * (totals - 1)).sum(axis=-1), pairable * (pairable - 1))
    return _beyond_chance(observed, expected)


def _beyond_chance(observed: Floats, expected: Floats) -> Floats:
    """Return (observed - expected) / (1 - expected); NaN where all agreement is expected."""
    room = 1 - np.asarray(expected)
    return ratio(observed - expected, np.where(room > np.finfo(np.float64).eps, room, 0.0))


def flip_rate(of: Tally) -> Floats:
    """Return the share of units with two or more ratings whose ratings are not all equal."""
    rated = of.weights * (of.ratings >= 2)  # noqa: PLR2004 - a flip takes two
    flipped = (of.counts > 0).sum(axis=1) > 1
    return ratio(rated @ flipped.astype(np.float64), rated.sum(axis=-1))


def flipped(ratings: Codes) -> NDArray[np.bool_]:
    """Tell of each unit whether its ratings, gaps aside, differ."""
    highest = ratings.max(axis=0)
    lowest = np.where(ratings == MISSING, highest, ratings).min(axis=0)
    return np.asarray(lowest < highest, dtype=np.bool_)


def majority_vote(ratings: Codes) -> Codes:
    """Return the label that most raters gave each unit; MISSING where nobody gave one.

    Of several labels equally frequent, the one that the earliest rater gave wins: a tie is broken
    by what would have been answered had there been fewer repeats, never by the labels' order.
    """
    votes = np.stack([(ratings == row).sum(axis=0) for row in ratings])
    votes[ratings == MISSING] = 0
    # argmax returns the first of equal values: the earliest rater.
    chosen = votes.argmax(axis=0)
    return np.asarray(ratings[chosen, np.arange(ratings.shape[1])], dtype=np.int64)


def bootstrap_intervals(
    figures: Sequence[Callable[[Tally], Floats]],
    of: Tally,
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> list[Interval | None]:
    """Return the percentile interval of each figure over resampled units; None of no units.

    To draw units with replacement is to draw the patterns' weights from a multinomial, so the
    cost does not depend on the number of units. The same tally and seed give the same interval.
    """
    total = int(of.weights.sum())
    if total == 0:
        return [None for _ in figures]
    rng = np.random.default_rng(seed)
    drawn: list[list[Floats]] = [[] for _ in figures]
    chunk = max(1, CHUNK // of.weights.size)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        weights = rng.multinomial(total, of.weights / total, size=size).astype(np.float64)
        for values, figure in zip(drawn, figures, strict=True):
            values.append(figure(replace(of, weights=weights)))
    return [percentile_interval(np.concatenate(values)) for values in drawn]
