"""Intervals against known values, and their coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap, norm, scoreatpercentile

from core.rules.metrics import Counts, accuracy, margins, uar
from core.rules.statistics import CHUNK, Z95, percentile_interval, resampled, wilson


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # RAF-DB, GPT-4V: the example of the API.
        (2325, 3067, 0.7426, 0.7729),
    ],
)
def test_wilson_known_values(successes: int, total: int, low: float, high: float) -> None:
    interval = wilson(successes, total)

    assert interval is not None
    assert interval == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_no_trials_is_nothing() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize(("successes", "total"), [(-1, 3), (4, 3)])
def test_wilson_refuses_impossible_counts(successes: int, total: int) -> None:
    with pytest.raises(ValueError, match="out of"):
        wilson(successes, total)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_within_zero_and_one(counted: tuple[int, int]) -> None:
    successes, total = counted
    interval = wilson(successes, total)

    assert interval is not None
    assert 0.0 <= interval[0] <= successes / total <= interval[1] <= 1.0
    assert interval[0] < interval[1]


COUNTED = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.one_of(COUNTED, st.tuples(st.sampled_from([0, 1]), st.just(1))))
def test_wilson_agrees_with_scipy(counted: tuple[int, int]) -> None:
    successes, total = counted
    oracle = binomtest(successes, total).proportion_ci(0.95, method="wilson")

    # Near 0 scipy loses digits to cancellation: 1e-12 is what double precision leaves.
    assert wilson(successes, total) == pytest.approx((oracle.low, oracle.high), rel=0, abs=1e-12)


def test_the_normal_percentile_is_scipy_s() -> None:
    assert pytest.approx(norm.ppf(0.975), rel=1e-15) == Z95


@given(st.lists(st.floats(0, 1) | st.just(np.nan), min_size=1, max_size=50))
def test_percentiles_agree_with_scipy_over_the_values_that_there_are(values: list[float]) -> None:
    known = [value for value in values if not np.isnan(value)]

    interval = percentile_interval(np.array(values))

    if not known:
        assert interval is None
    else:
        oracle = [scoreatpercentile(known, share) for share in (2.5, 97.5)]
        assert interval == pytest.approx(tuple(oracle))


CONFUSIONS = st.integers(2, 4).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(0, 20), min_size=k + 1, max_size=k + 1), min_size=k, max_size=k
    )
)


@settings(max_examples=20)
@given(CONFUSIONS.map(np.array).filter(lambda counts: bool(counts.any())))
def test_every_resample_is_a_confusion_of_as_many_samples_over_the_same_cells(
    counts: Counts,
) -> None:
    drawn = resampled(counts, seed=0, resamples=50)

    assert drawn is not None
    assert (drawn.support.sum(axis=1) == counts.sum()).all()
    assert (drawn.hits <= np.minimum(drawn.support, drawn.predicted)).all()
    seen = margins(counts)
    for part in ("hits", "support", "predicted"):
        assert not getattr(drawn, part)[:, getattr(seen, part) == 0].any()


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_the_bootstrap_agrees_with_scipy_s_over_the_samples_themselves(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(5, 60, size=(3, 4))
    drawn = resampled(counts, seed=1, resamples=4000)
    assert drawn is not None
    targets, answers = (
        np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape)
    )

    def of_samples(target: Counts, answer: Counts) -> float:
        matrix = np.zeros(counts.shape, dtype=np.int64)
        np.add.at(matrix, (target, answer), 1)
        return float(uar(margins(matrix)))

    oracle = bootstrap(
        (targets, answers), of_samples, n_resamples=1000, paired=True, vectorized=False,
        method="percentile", rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    width = oracle.high - oracle.low
    assert percentile_interval(uar(drawn)) == pytest.approx(tuple(oracle), abs=0.15 * width)


def test_resamples_are_seeded_and_keep_the_number_of_samples() -> None:
    counts = np.array([[30, 10, 2], [5, 20, 0]])

    first = resampled(counts, seed=7, resamples=500)
    again = resampled(counts, seed=7, resamples=500)
    other = resampled(counts, seed=8, resamples=500)

    assert first is not None
    assert again is not None
    assert other is not None
    assert np.array_equal(first.hits, again.hits)
    assert not np.array_equal(first.hits, other.hits)
    assert (first.support.sum(axis=1) == counts.sum()).all()
    assert first.hits.mean(axis=0) == pytest.approx([30, 20], rel=0.05)
    assert first.predicted.mean(axis=0) == pytest.approx([35, 30], rel=0.05)


def test_resamples_of_nothing_are_nothing() -> None:
    assert resampled(np.zeros((2, 3), dtype=np.int64), seed=0, resamples=10) is None


def test_a_matrix_too_large_for_one_chunk_is_resampled_in_several() -> None:
    side = 200
    counts = np.ones((side, side), dtype=np.int64)
    assert counts.size * 100 > CHUNK

    drawn = resampled(counts, seed=0, resamples=100)

    assert drawn is not None
    assert drawn.hits.shape == (100, side)


def test_bootstrap_of_accuracy_agrees_with_wilson() -> None:
    counts = np.array([[700, 60, 4], [180, 400, 0]])
    drawn = resampled(counts, seed=0, resamples=4000)
    assert drawn is not None

    interval = percentile_interval(accuracy(drawn))

    exact = wilson(1100, int(counts.sum()))
    assert exact is not None
    assert interval == pytest.approx(exact, abs=0.003)


def test_bootstrap_interval_of_uar_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    truth = np.array([[0.35, 0.15], [0.05, 0.45]])
    expected = (0.7 + 0.9) / 2
    covered = 0
    for _ in range(200):
        counts = rng.multinomial(300, truth.ravel()).reshape(2, 2)
        drawn = resampled(counts, seed=0, resamples=300)
        assert drawn is not None
        interval = percentile_interval(uar(drawn))
        assert interval is not None
        covered += interval[0] <= expected <= interval[1]

    assert 178 <= covered <= 200


def test_no_values_have_no_interval() -> None:
    assert percentile_interval(np.array([np.nan, np.nan])) is None
