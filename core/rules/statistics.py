"""How sure a figure is: confidence intervals of proportions and of confusion matrices."""

import math
from collections.abc import Iterator

import numpy as np

from core.rules.metrics import Counts, Floats, Margins

Interval = tuple[float, float]

Z95 = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""

CHUNK = 2_000_000
"""Drawn numbers held in memory at once: 16 MB."""


def wilson(successes: int, total: int, z: float = Z95) -> Interval | None:
    """Return the Wilson score interval of a proportion; None of no trials.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927). Unlike
    the normal approximation it stays within [0, 1] and has width at 0 and 1. Raises ValueError
    unless 0 <= successes <= total.
    """
    if not 0 <= successes <= total:
        raise ValueError(f"{successes} successes out of {total}")
    if total == 0:
        return None
    share, spread = successes / total, z * z / total
    center = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    # At the ends the formula is exact; only floating point misses them.
    low = 0.0 if successes == 0 else max(0.0, center - half)
    high = 1.0 if successes == total else min(1.0, center + half)
    return low, high


def resampled(counts: Counts, *, seed: int, resamples: int) -> Margins | None:
    """Return the margins of `resamples` bootstrap resamples of a confusion matrix.

    To draw n samples with replacement and count them is to draw once from the multinomial
    distribution with the cells' shares, so the cost does not depend on n. The same matrix and
    seed give the same numbers. None of an empty matrix.
    """
    if not counts.any():
        return None
    drawn = list(_draws(counts, np.random.default_rng(seed), resamples))
    return Margins(
        np.concatenate([part.hits for part in drawn]),
        np.concatenate([part.support for part in drawn]),
        np.concatenate([part.predicted for part in drawn]),
    )


def percentile_interval(values: Floats) -> Interval | None:
    """Return the 2.5th and 97.5th percentile of resampled values; None where there are none."""
    known = values[~np.isnan(values)]
    if known.size == 0:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def _draws(counts: Counts, rng: np.random.Generator, resamples: int) -> Iterator[Margins]:
    classes = counts.shape[0]
    rows, columns = counts.nonzero()
    cells = counts[rows, columns]
    total = int(cells.sum())
    shares = cells / total
    on_diagonal = rows == columns
    chunk = max(1, CHUNK // cells.size)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = rng.multinomial(total, shares, size=size).astype(np.float64)
        hits = np.zeros((size, classes))
        hits[:, rows[on_diagonal]] = drawn[:, on_diagonal]
        yield Margins(
            hits,
            _sums(drawn, rows, counts.shape[0]),
            _sums(drawn, columns, counts.shape[1])[:, :classes],
        )


def _sums(drawn: Floats, group: Counts, groups: int) -> Floats:
    """Sum the columns of `drawn` by the group that each belongs to."""
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    out = np.zeros((drawn.shape[0], groups))
    out[:, present] = np.add.reduceat(drawn[:, order], starts, axis=1)
    return out
