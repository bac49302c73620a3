"""Metrics against known values and against scikit-learn."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_recall_fscore_support,
    recall_score,
)

from core.rules.metrics import (
    Counts,
    Floats,
    Margins,
    accuracy,
    f1,
    macro_f1,
    margins,
    precision,
    recall,
    uar,
    weighted_f1,
)

KNOWN = margins(np.array([[8, 2, 0, 0], [1, 3, 0, 1], [0, 0, 0, 0]]))
"""Classes a, b, and c without samples; the last column is no class: one stray answer to a b."""


@st.composite
def matrices(draw: st.DrawFn) -> Counts:
    classes = draw(st.integers(2, 6))
    cells = st.one_of(st.just(0), st.integers(0, 30))
    row = st.one_of(
        st.just([0] * (classes + 1)), st.lists(cells, min_size=classes + 1, max_size=classes + 1)
    )
    return np.array(draw(st.lists(row, min_size=classes, max_size=classes)), dtype=np.int64)


def samples(counts: Counts) -> tuple[list[int], list[int]]:
    targets: list[int] = []
    answers: list[int] = []
    for (row, column), n in np.ndenumerate(counts):
        targets += [row] * int(n)
        answers += [column] * int(n)
    return targets, answers


def test_known_values() -> None:
    assert accuracy(KNOWN) == pytest.approx(11 / 15)
    assert recall(KNOWN)[:2] == pytest.approx([0.8, 0.6])
    assert precision(KNOWN)[:2] == pytest.approx([8 / 9, 3 / 5])
    assert f1(KNOWN)[:2] == pytest.approx([16 / 19, 6 / 10])
    assert uar(KNOWN) == pytest.approx(0.7)
    assert macro_f1(KNOWN) == pytest.approx((16 / 19 + 0.6) / 2)
    assert weighted_f1(KNOWN) == pytest.approx((10 * 16 / 19 + 5 * 0.6) / 15)


def test_a_class_without_samples_has_no_recall_and_is_in_no_average() -> None:
    assert np.isnan(recall(KNOWN)[2])
    assert np.isnan(precision(KNOWN)[2])
    assert np.isnan(f1(KNOWN)[2])


def test_a_class_that_is_only_ever_named_wrongly_has_f1_zero_and_no_recall() -> None:
    of = margins(np.array([[1, 1], [0, 0]]))

    assert f1(of)[1] == 0.0
    assert np.isnan(recall(of)[1])
    assert macro_f1(of) == f1(of)[0]


@pytest.mark.parametrize("metric", [accuracy, uar, macro_f1, weighted_f1])
def test_no_samples_is_no_figure(metric: Callable[[Margins], Floats]) -> None:
    assert np.isnan(metric(margins(np.zeros((3, 4), dtype=np.int64))))


def test_fewer_columns_than_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="column"):
        margins(np.zeros((3, 2), dtype=np.int64))


def agree(counts: Counts) -> None:
    """Compare every metric with scikit-learn's over the classes that occur."""
    targets, answers = samples(counts)
    present = sorted(set(targets))
    of = margins(counts)

    assert accuracy(of) == pytest.approx(accuracy_score(targets, answers))
    oracle = {"y_true": targets, "y_pred": answers, "labels": present, "zero_division": 0}
    assert uar(of) == pytest.approx(recall_score(**oracle, average="macro"))
    assert macro_f1(of) == pytest.approx(f1_score(**oracle, average="macro"))
    assert weighted_f1(of) == pytest.approx(f1_score(**oracle, average="weighted"))


@given(matrices().filter(lambda counts: bool(counts.any())))
def test_metrics_agree_with_scikit_learn_over_the_classes_that_occur(counts: Counts) -> None:
    agree(counts)


@given(matrices().filter(lambda counts: bool(counts[:, :-1].any())))
def test_uar_is_the_balanced_accuracy_where_every_answer_is_a_label(counts: Counts) -> None:
    counts = counts.copy()
    counts[:, -1] = 0
    targets, answers = samples(counts)

    with warnings.catch_warnings():
        # scikit-learn warns of answers that are no target; it leaves them out as we do.
        warnings.simplefilter("ignore")
        oracle = balanced_accuracy_score(targets, answers)

    assert uar(margins(counts)) == pytest.approx(oracle)


@given(matrices().filter(lambda counts: bool(counts.any())))
def test_class_figures_agree_with_scikit_learn_where_they_are_defined(counts: Counts) -> None:
    targets, answers = samples(counts)
    of = margins(counts)

    p, r, f, n = precision_recall_fscore_support(
        targets, answers, labels=range(len(counts)), zero_division=np.nan
    )

    assert of.support == pytest.approx(n)
    np.testing.assert_allclose(precision(of), p)
    np.testing.assert_allclose(recall(of), r)
    defined = (of.support + of.predicted) > 0
    np.testing.assert_allclose(f1(of)[defined], np.nan_to_num(f)[defined])


@given(matrices())
def test_metrics_stay_within_zero_and_one(counts: Counts) -> None:
    of = margins(counts)
    for metric in (accuracy, uar, macro_f1, weighted_f1):
        value = float(metric(of))
        assert np.isnan(value) or 0.0 <= value <= 1.0


EDGES = {
    "one sample, right": [[1, 0, 0], [0, 0, 0]],
    "one sample, wrong": [[0, 1, 0], [0, 0, 0]],
    "one sample, out of vocabulary": [[0, 0, 1], [0, 0, 0]],
    "one class absent": [[5, 2, 0, 0], [1, 3, 1, 0], [0, 0, 0, 0]],
    "one class never named": [[5, 0, 1], [3, 0, 0]],
    "only one class named": [[7, 0, 0], [7, 0, 0]],
    "all out of vocabulary": [[0, 0, 3], [0, 0, 4]],
    "all right": [[4, 0, 0], [0, 9, 0]],
    "all swapped": [[0, 4, 0], [9, 0, 0]],
    "ties": [[2, 2, 0], [2, 2, 0]],
}


@pytest.mark.parametrize("rows", EDGES.values(), ids=EDGES.keys())
def test_edge_cases_agree_with_scikit_learn(rows: list[list[int]]) -> None:
    agree(np.array(rows))
