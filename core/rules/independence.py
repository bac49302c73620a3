"""Pearson's chi-square test of independence: do shares differ between groups?"""

import math
from dataclasses import dataclass

import numpy as np

from core.rules.metrics import Counts

MAX_TERMS = 10_000
"""Of the series and the continued fraction; both converge in about sqrt(df) terms."""
TINY = 1e-300


@dataclass(frozen=True)
class ChiSquare:
    """The outcome of a test; `p` is the chance of differences this large if there were none."""

    statistic: float
    df: int
    p: float


def chi_square(counts: Counts) -> ChiSquare | None:
    """Return the test of a table of counts, groups in rows; None with nothing to compare.

    Sum of (observed - expected)^2 / expected, compared with the chi-square distribution with
    (rows - 1)(columns - 1) degrees of freedom, without a continuity correction. Rows and columns
    without counts are left out. Pearson (1900).
    """
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0].astype(np.float64)
    rows, columns = table.shape
    if min(rows, columns) < 2:  # noqa: PLR2004 - a difference takes two
        return None
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    df = (rows - 1) * (columns - 1)
    return ChiSquare(statistic, df, survival(statistic, df))


def survival(x: float, df: int) -> float:
    """Return P(X > x) of the chi-square distribution: Q(df / 2, x / 2).

    The regularized upper incomplete gamma function by its series below a + 1 and by Lentz's
    continued fraction above. Press et al., "Numerical Recipes", section 6.2.
    """
    a, half = df / 2, x / 2
    if half <= 0:
        return 1.0
    front = math.exp(a * math.log(half) - half - math.lgamma(a))
    if half < a + 1:
        return 1.0 - front * _series(a, half)
    return front * _fraction(a, half)


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    for n in range(1, MAX_TERMS):
        term *= x / (a + n)
        total += term
        if term < total * 1e-16:
            break
    return total


def _fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / TINY, 1 / b
    value = d
    for n in range(1, MAX_TERMS):
        numerator = -n * (n - a)
        b += 2
        d = numerator * d + b
        d = 1 / (d if abs(d) > TINY else TINY)
        c = b + numerator / c
        c = c if abs(c) > TINY else TINY
        value *= c * d
        if abs(c * d - 1) < 1e-15:  # noqa: PLR2004 - as close as floating point gets
            break
    return value
