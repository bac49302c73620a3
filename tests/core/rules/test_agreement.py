"""Agreement against hand-computed, published and scikit-learn's values."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from core.rules.agreement import (
    MISSING,
    Codes,
    bootstrap_intervals,
    fleiss_kappa,
    flip_rate,
    flipped,
    krippendorff_alpha,
    majority_vote,
    pairwise_agreement,
    tally,
)

LABELS = 4


def ratings(lowest: int = MISSING) -> st.SearchStrategy[Codes]:
    shapes = st.tuples(st.integers(2, 5), st.integers(1, 12))
    return shapes.flatmap(
        lambda shape: arrays(np.int64, shape, elements=st.integers(lowest, LABELS - 1))
    )


def test_fleiss_kappa_of_the_example_of_its_paper() -> None:
    # Ten units, fourteen raters, five labels; kappa is .210 (Fleiss 1971, as widely reprinted).
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    given_labels = np.array([np.repeat(np.arange(5), unit) for unit in counts]).T

    kappa = fleiss_kappa(tally(given_labels, 5), 14)

    assert float(kappa) == pytest.approx(0.2099, abs=5e-5)


def test_alpha_of_the_example_of_its_paper() -> None:
    # Krippendorff (2011), section C: four observers, twelve units, gaps; nominal alpha is .743.
    rows = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    values = [[MISSING if v == "." else int(v) - 1 for v in row.split()] for row in rows]

    alpha = krippendorff_alpha(tally(np.array(values), 5))

    assert float(alpha) == pytest.approx(0.743, abs=5e-4)


def test_figures_by_hand() -> None:
    # Units: all agree; 2 of 3; two ratings that differ; one rating alone.
    values = np.array([[0, 1, 2, 3], [0, 1, 1, MISSING], [0, 0, MISSING, MISSING]])
    tallied = tally(values, LABELS)

    assert float(pairwise_agreement(tallied)) == pytest.approx((6 + 2 + 0) / (6 + 6 + 2))
    assert float(flip_rate(tallied)) == pytest.approx(2 / 3)
    assert flipped(values).tolist() == [False, True, True, False]


def test_a_tie_goes_to_the_earliest_rater() -> None:
    values = np.array([[2, 0, MISSING, MISSING, 3], [1, 1, 1, MISSING, 0], [2, 1, 0, MISSING, 1]])

    assert majority_vote(values).tolist() == [2, 1, 1, MISSING, 3]


def test_one_label_throughout_leaves_no_chance_to_correct_for() -> None:
    tallied = tally(np.zeros((3, 5), dtype=np.int64), LABELS)

    assert float(pairwise_agreement(tallied)) == 1.0
    assert np.isnan(fleiss_kappa(tallied, 3))
    assert np.isnan(krippendorff_alpha(tallied))


def test_no_ratings_are_no_figures() -> None:
    tallied = tally(np.full((3, 5), MISSING), LABELS)

    for value in (
        pairwise_agreement(tallied),
        fleiss_kappa(tallied, 3),
        krippendorff_alpha(tallied),
        flip_rate(tallied),
    ):
        assert np.isnan(value)
    assert majority_vote(np.full((2, 1), MISSING)).tolist() == [MISSING]


def test_a_code_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="codes are"):
        tally(np.array([[LABELS]]), LABELS)


@given(ratings())
def test_alpha_is_that_of_the_coincidence_matrix(values: Codes) -> None:
    matrix = np.zeros((LABELS, LABELS))
    for unit in values.T:
        known = unit[unit != MISSING]
        for one, other in combinations(range(len(known)), 2):
            for c, k in ((known[one], known[other]), (known[other], known[one])):
                matrix[c, k] += 1 / (len(known) - 1)
    n_c, n = matrix.sum(axis=0), matrix.sum()
    expected = n**2 - (n_c**2).sum()

    alpha = float(krippendorff_alpha(tally(values, LABELS)))

    # Thirds do not add up to whole numbers exactly.
    if expected < 1e-6:
        assert np.isnan(alpha)
    else:
        by_definition = 1 - (n - 1) * (n - np.trace(matrix)) / expected
        assert alpha == pytest.approx(by_definition, abs=1e-9)


@given(ratings(lowest=0))
def test_whole_ratings_agree_with_scikit_learn_and_with_the_pairs(values: Codes) -> None:
    tallied = tally(values, LABELS)
    pairs = list(combinations(values, 2))

    assert float(pairwise_agreement(tallied)) == pytest.approx(
        float(np.mean([(a == b).mean() for a, b in pairs]))
    )
    assert float(flip_rate(tallied)) == pytest.approx((values != values[0]).any(axis=0).mean())
    assert (flipped(values) == (values != values[0]).any(axis=0)).all()
    # Cohen's kappa of the ratings stacked both ways round is Fleiss' kappa of two raters.
    a, b = values[0], values[1]
    if len(set(a) | set(b)) > 1:
        both = cohen_kappa_score(np.concatenate([a, b]), np.concatenate([b, a]))
        assert float(fleiss_kappa(tally(values[:2], LABELS), 2)) == pytest.approx(both)


@given(ratings())
def test_fleiss_kappa_is_that_of_its_definition_over_units_without_gaps(values: Codes) -> None:
    whole = values[:, (values != MISSING).all(axis=0)]
    raters, units = whole.shape
    kappa = float(fleiss_kappa(tally(values, LABELS), raters))

    ratings_of = [
        Fraction(int((whole == label).sum()), max(1, raters * units)) for label in range(4)
    ]
    chance = sum(share**2 for share in ratings_of)
    if units == 0 or chance == 1:
        assert np.isnan(kappa)
        return
    equal = sum(int((a == b).sum()) for a, b in combinations(whole, 2))
    observed = Fraction(equal, units * raters * (raters - 1) // 2)
    assert kappa == pytest.approx(float((observed - chance) / (1 - chance)), abs=1e-9)


@given(ratings(lowest=0))
def test_alpha_of_whole_ratings_is_fleiss_kappa_for_a_small_sample(values: Codes) -> None:
    # Krippendorff (2011): alpha = 1 - (1 - kappa) (N - 1) / N of N ratings, without gaps.
    tallied, total = tally(values, LABELS), values.size
    kappa = float(fleiss_kappa(tallied, len(values)))

    alpha = float(krippendorff_alpha(tallied))

    assert np.isnan(alpha) == np.isnan(kappa)
    if not np.isnan(kappa):
        assert alpha == pytest.approx(1 - (1 - kappa) * (total - 1) / total)


EDGES = {
    "one unit, all agree": ([[0], [0], [0]], None, 0.0),
    "one unit, all differ": ([[0], [1], [2]], -0.5, 1.0),
    "a tie": ([[0, 0], [0, 0], [1, 1], [1, 1]], -1 / 3, 1.0),
    "one label absent, all agree": ([[0, 2], [0, 2]], 1.0, 0.0),
    "one rater refused throughout": ([[0, 1], [MISSING, MISSING]], None, None),
}


@pytest.mark.parametrize(("rows", "kappa", "flips"), EDGES.values(), ids=EDGES.keys())
def test_agreement_at_the_edges(
    rows: list[list[int]], kappa: float | None, flips: float | None
) -> None:
    tallied = tally(np.array(rows), LABELS)

    found = float(fleiss_kappa(tallied, len(rows))), float(flip_rate(tallied))

    expected = tuple(np.nan if value is None else value for value in (kappa, flips))
    assert found == pytest.approx(expected, nan_ok=True)


@given(ratings())
def test_the_vote_is_for_a_most_frequent_label(values: Codes) -> None:
    for unit, chosen in zip(values.T, majority_vote(values), strict=True):
        known = unit[unit != MISSING].tolist()
        most = max((known.count(label) for label in known), default=0)
        tied = [label for label in known if known.count(label) == most]
        assert chosen == (tied[0] if tied else MISSING)


def test_many_raters_and_labels_are_tallied_too() -> None:
    values = np.random.default_rng(0).integers(-1, 500, size=(9, 40))

    counts = tally(values, 500)

    assert counts.weights.sum() == 40
    assert counts.weights @ counts.ratings == (values != MISSING).sum()


def test_an_interval_is_seeded_and_holds_the_figure() -> None:
    values = np.random.default_rng(1).integers(0, 3, size=(3, 200))
    values[1] = np.where(np.arange(200) % 4, values[0], values[1])
    tallied = tally(values, 3)

    interval, flips = bootstrap_intervals([krippendorff_alpha, flip_rate], tallied, seed=5)

    assert interval is not None
    assert flips is not None
    assert [interval] == bootstrap_intervals([krippendorff_alpha], tallied, seed=5)
    assert flips[0] < float(flip_rate(tallied)) < flips[1]
    assert interval[0] < float(krippendorff_alpha(tallied)) < interval[1]
    empty = tally(np.zeros((2, 0), dtype=np.int64), 3)
    assert bootstrap_intervals([krippendorff_alpha], empty) == [None]
