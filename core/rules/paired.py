"""Two runs over the same samples: does one answer better, and on which samples do they differ?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.rules.agreement import Codes
from core.rules.metrics import METRICS, Counts, Floats, Margins, MetricName
from core.rules.statistics import CHUNK, Interval, percentile_interval


@dataclass(frozen=True)
class Flips:
    """Samples that both runs scored, by which of them was right."""

    both_right: int
    only_first: int
    """Right in the first and wrong in the second."""
    only_second: int
    both_wrong: int
    changed: int
    """Samples whose labels differ, right or not."""

    @property
    def samples(self) -> int:
        """Return how many samples both runs scored."""
        return self.both_right + self.only_first + self.only_second + self.both_wrong


@dataclass(frozen=True)
class Difference:
    """A metric of both runs over the samples that both scored, and the second less the first."""

    first: float | None
    second: float | None
    difference: float | None
    ci95: Interval | None


@dataclass(frozen=True)
class Joint:
    """Samples grouped by target and by both labels: all that a comparison needs."""

    target: Codes
    first: Codes
    second: Codes
    """Codes from 0; the code `classes` stands for a label that is none of the classes."""
    counts: Counts
    classes: int


def joint(target: Codes, first: Codes, second: Codes, *, classes: int) -> Joint:
    """Return the joint tally of three arrays with an entry for each sample."""
    base = classes + 1
    keys, counts = np.unique((target * base + first) * base + second, return_counts=True)
    rest, last = np.divmod(keys, base)
    return Joint(rest // base, rest % base, last, counts.astype(np.int64), classes)


def flips(of: Joint) -> Flips:
    """Return how many samples flipped, and which way."""
    first, second = of.first == of.target, of.second == of.target

    def count(where: NDArray[np.bool_]) -> int:
        return int(of.counts[where].sum())

    return Flips(
        both_right=count(first & second),
        only_first=count(first & ~second),
        only_second=count(~first & second),
        both_wrong=count(~first & ~second),
        changed=count(of.first != of.second),
    )


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Under the hypothesis that both runs are equally often right, the discordant samples fall
    either way like a fair coin: p = min(1, 2 P(X <= min(b, c))), X ~ Binomial(b + c, 1/2).
    McNemar, "Note on the sampling error of the difference between correlated proportions"
    (1947); exact as in Fagerland et al., "The McNemar test for binary matched-pairs data" (2013).
    1 where no sample is discordant. Raises ValueError for negative counts.
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"negative counts: {only_first}, {only_second}")
    fewer, n = min(only_first, only_second), only_first + only_second
    if 2 * fewer == n:
        return 1.0
    log_peak = (
        math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2)
    )
    # The ratios of neighbours, downwards from `fewer`: all below 1, so the sum converges.
    t = np.arange(fewer, 0, -1, dtype=np.float64)
    tail = 1.0 + float(np.cumprod(t / (n - t + 1)).sum())
    return min(1.0, 2 * math.exp(log_peak) * tail)


def differences(
    of: Joint, *, seed: int = 0, resamples: int = 1000
) -> Mapping[MetricName, Difference]:
    """Return each metric of both runs and their difference, with a paired bootstrap interval.

    Samples are drawn with both of their labels, so what the runs have in common cancels out. To
    draw samples is to draw the cells of the joint tally from a multinomial: the cost does not
    depend on the number of samples. Percentile interval, Efron and Tibshirani, "An Introduction
    to the Bootstrap" (1993). The same tally and seed give the same numbers.
    """
    seen = of.counts[None, :].astype(np.float64)
    first, second = _margins(of, of.first, seen), _margins(of, of.second, seen)
    drawn = _drawn(of, seed=seed, resamples=resamples)
    found: dict[MetricName, Difference] = {}
    for name, metric in METRICS.items():
        a, b = float(metric(first)[0]), float(metric(second)[0])
        interval = None
        if drawn is not None:
            interval = percentile_interval(metric(drawn[1]) - metric(drawn[0]))
        found[name] = Difference(_known(a), _known(b), _known(b - a), interval)
    return found


def _drawn(of: Joint, *, seed: int, resamples: int) -> tuple[Margins, Margins] | None:
    total = int(of.counts.sum())
    if total == 0:
        return None
    rng, parts = np.random.default_rng(seed), []
    chunk = max(1, CHUNK // of.counts.size)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        cells = rng.multinomial(total, of.counts / total, size=size).astype(np.float64)
        parts.append((_margins(of, of.first, cells), _margins(of, of.second, cells)))
    return _joined([a for a, _ in parts]), _joined([b for _, b in parts])


def _joined(parts: list[Margins]) -> Margins:
    return Margins(
        np.concatenate([part.hits for part in parts]),
        np.concatenate([part.support for part in parts]),
        np.concatenate([part.predicted for part in parts]),
    )


def _margins(of: Joint, label: Codes, cells: Floats) -> Margins:
    """Return the margins of one run's confusion matrix from weights of the joint cells."""
    known = np.arange(of.classes)
    is_target = (of.target[:, None] == known).astype(np.float64)
    is_label = (label[:, None] == known).astype(np.float64)
    return Margins(cells @ (is_target * is_label), cells @ is_target, cells @ is_label)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
