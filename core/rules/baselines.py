"""What knowing nothing would score: the figures that any model has to beat."""

import math

import numpy as np

from core.rules.metrics import METRICS, Floats, Margins, MetricName, macro_f1, weighted_f1


def majority(support: Floats, metric: MetricName) -> float | None:
    """Return what always answering the most frequent class scores; None of no samples.

    Exact. Of several classes that are equally frequent the choice makes no difference.
    """
    if not support.any():
        return None
    named = np.zeros_like(support)
    named[int(support.argmax())] = 1.0
    always = Margins(named * support, support, named * support.sum())
    return float(METRICS[metric](always))


def random(support: Floats, metric: MetricName) -> float | None:
    """Return the expected score of a uniform guess among all labels; None of no samples.

    Exact, not sampled. With K labels accuracy and each recall are expected to be 1/K. For F1 the
    expectation is `expected_f1`, averaged as the metric averages.
    """
    if not support.any():
        return None
    classes = support.size
    if metric in {"accuracy", "uar"}:
        return 1.0 / classes
    f1 = expected_f1(support, 1.0 / classes)
    # Margins whose F1 is the expected one: hits = f1 * support, predicted = support.
    expected = Margins(f1 * support, support, support)
    return float((macro_f1 if metric == "macro_f1" else weighted_f1)(expected))


def expected_f1(support: Floats, share: float) -> Floats:
    """Return the expected F1 of each class when each of N samples is called so with P = `share`.

    The number t of samples called so is Binomial(N, share); given t, the expected hits are t n/N
    of n samples, all draws being exchangeable. So E[F1] = sum over t of P(t) 2 (t n/N) / (n + t).
    """
    total = int(support.sum())
    t, probability = _binomial(total, share)
    present = [
        float((probability * 2 * (t * n / total) / (n + t)).sum()) if n else 0.0 for n in support
    ]
    return np.array(present)


def _binomial(n: int, p: float) -> tuple[Floats, Floats]:
    """Return the values of Binomial(n, p), 0 < p < 1, and their probabilities.

    Left out are values more than 40 standard deviations from the mode, which never happen. The
    ratios of neighbours need no factorial, so that large n costs no precision.
    """
    mode = min(n, int((n + 1) * p))
    reach = int(40 * math.sqrt(n * p * (1 - p))) + 50
    t = np.arange(max(0, mode - reach), min(n, mode + reach) + 1, dtype=np.float64)
    steps = np.log((n - t[:-1]) / (t[:-1] + 1)) + math.log(p / (1 - p))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    return t, weights / weights.sum()
