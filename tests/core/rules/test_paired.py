"""Paired comparison against scipy, scikit-learn and hand-computed values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import accuracy_score, f1_score

from core.rules.agreement import Codes
from core.rules.metrics import METRICS, MetricName, margins
from core.rules.paired import differences, flips, joint, mcnemar_exact

CLASSES = 3


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test_of_a_fair_coin(b: int, c: int) -> None:
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0

    assert mcnemar_exact(b, c) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("b", "c", "p"),
    [
        # Agresti, "Categorical Data Analysis" (2002), table 10.1: exact, far below .0001.
        (150, 86, 3.71e-5),
        (1, 6, 0.125),
        (0, 5, 0.0625),
        (0, 0, 1.0),
        (3, 3, 1.0),
    ],
)
def test_mcnemar_known_values(b: int, c: int, p: float) -> None:
    assert mcnemar_exact(b, c) == pytest.approx(p, rel=5e-3)
    assert mcnemar_exact(c, b) == mcnemar_exact(b, c)


def test_mcnemar_of_a_million_is_fast_and_exact() -> None:
    expected = binomtest(499_000, 1_000_000, 0.5).pvalue

    assert mcnemar_exact(499_000, 501_000) == pytest.approx(expected, rel=1e-6)


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)


def test_flips_by_hand() -> None:
    target = np.array([0, 0, 1, 1, 2, 2])
    first = np.array([0, 0, 1, 0, 3, 0])
    second = np.array([0, 1, 1, 1, 0, 0])

    found = flips(joint(target, first, second, classes=CLASSES))

    assert (found.both_right, found.only_first, found.only_second, found.both_wrong) == (2, 1, 1, 2)
    assert (found.changed, found.samples) == (3, 6)


three = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, CLASSES - 1)),
        arrays(np.int64, n, elements=st.integers(0, CLASSES)),
        arrays(np.int64, n, elements=st.integers(0, CLASSES)),
    )
)


@given(three)
def test_metrics_of_both_are_those_of_scikit_learn(codes: tuple[Codes, Codes, Codes]) -> None:
    target, first, second = codes

    found = differences(joint(target, first, second, classes=CLASSES), resamples=20)

    present = np.unique(target)
    for name, value in (("accuracy", 0), ("macro_f1", 1), ("weighted_f1", 2)):
        metric: MetricName = name  # type: ignore[assignment]  # a literal in a loop
        for label, got in ((first, found[metric].first), (second, found[metric].second)):
            if value == 0:
                expected = accuracy_score(target, label)
            else:
                average = "macro" if value == 1 else "weighted"
                expected = f1_score(target, label, labels=present, average=average, zero_division=0)
            assert got == pytest.approx(expected)


def test_the_interval_is_paired_seeded_and_that_of_drawn_samples() -> None:
    rng = np.random.default_rng(2)
    target = rng.integers(0, CLASSES, 600)
    first = np.where(rng.random(600) < 0.7, target, (target + 1) % CLASSES)
    second = np.where(rng.random(600) < 0.2, target, first)
    tallied = joint(target, first, second, classes=CLASSES)
    gains = (second == target).astype(float) - (first == target)
    drawn = [gains[rng.integers(0, 600, 600)].mean() for _ in range(4000)]

    found = differences(tallied, seed=1, resamples=4000)["accuracy"]

    assert found == differences(tallied, seed=1, resamples=4000)["accuracy"]
    assert found.difference == pytest.approx(gains.mean())
    assert found.ci95 == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), abs=0.004)


@settings(max_examples=4)
@given(st.integers(0, 2**32 - 1))
def test_intervals_agree_with_the_paired_bootstrap_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = np.sort(rng.integers(0, CLASSES, 250))
    first = np.where(rng.random(250) < 0.6, target, rng.integers(0, CLASSES + 1, 250))
    second = np.where(rng.random(250) < 0.5, first, rng.integers(0, CLASSES + 1, 250))

    found = differences(joint(target, first, second, classes=CLASSES), resamples=4000)

    for metric in METRICS:

        def of_samples(*drawn: Codes, metric: MetricName = metric) -> float:
            one, other = (_figure(metric, drawn[0], label) for label in drawn[1:])
            return other - one

        oracle = bootstrap(
            (target, first, second), of_samples, n_resamples=1000, paired=True, vectorized=False,
            method="percentile", rng=np.random.default_rng(2),
        ).confidence_interval  # fmt: skip
        near = pytest.approx(tuple(oracle), abs=0.2 * (oracle.high - oracle.low))
        assert found[metric].ci95 == near


def _figure(metric: MetricName, target: Codes, label: Codes) -> float:
    """Return a metric as `test_metrics` holds it against scikit-learn, which is slower."""
    counts = np.zeros((CLASSES, CLASSES + 1), dtype=np.int64)
    np.add.at(counts, (target, label), 1)
    return float(METRICS[metric](margins(counts)))


ONE_RIGHT_ONE_WRONG = (np.array([1]), np.array([1]), np.array([0]))
ALIKE = (np.array([0, 0, 2]), np.array([0, 1, 2]), np.array([0, 1, 2]))
ALL_BEYOND = (np.array([0, 1]), np.full(2, CLASSES), np.full(2, CLASSES))


@pytest.mark.parametrize(
    ("codes", "difference", "interval"),
    [
        (ONE_RIGHT_ONE_WRONG, -1.0, (-1.0, -1.0)),
        (ALIKE, 0.0, (0.0, 0.0)),
        (ALL_BEYOND, 0.0, (0.0, 0.0)),
    ],
    ids=["one sample", "no difference, one class absent", "no answer is a label"],
)
def test_differences_at_the_edges(
    codes: tuple[Codes, Codes, Codes], difference: float, interval: tuple[float, float]
) -> None:
    found = differences(joint(*codes, classes=CLASSES))

    for each in found.values():
        assert each.difference == pytest.approx(difference)
        assert each.ci95 == pytest.approx(interval)


def test_no_samples_have_no_figures() -> None:
    none = np.array([], dtype=np.int64)

    found = differences(joint(none, none, none, classes=CLASSES))["uar"]

    assert (found.first, found.second, found.difference, found.ci95) == (None, None, None, None)
