"""Every figure of a run against scikit-learn and scipy, from the samples one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    recall_score,
)

from core.rules.scoring import EXTRA_COLUMNS, Cell, Figure, Metrics, score
from core.rules.specs import ScoringRules
from core.vocabulary import Outcome

LABELS = ("anger", "happy", "sad", "surprise")
STRAY = "joy"
NAMES = ("accuracy", "uar", "weighted_f1", "macro_f1")


@dataclass(frozen=True)
class Given:
    """A sample, and what became of it: its ranked labels, or the outcome without any."""

    target: str
    said: tuple[str, ...] | Outcome


rankings = st.permutations((*LABELS, STRAY)).flatmap(
    lambda labels: st.integers(1, len(labels)).map(lambda n: tuple(labels[:n]))
)
without = st.sampled_from([Outcome.REFUSED, Outcome.UNPARSED, Outcome.FAILED])
given_samples = st.lists(
    st.builds(Given, st.sampled_from(LABELS), rankings | without), min_size=1, max_size=40
)
ALL_REFUSED = [Given(label, Outcome.REFUSED) for label in LABELS]
ONE = [Given("sad", ("sad",))]
ONE_STRAY = [Given("sad", (STRAY, "sad"))]
TIES = [Given(a, (b,)) for a in LABELS[:2] for b in LABELS[:2]]


def cell(sample: Given) -> Cell:
    if isinstance(sample.said, Outcome):
        return Cell(sample.target, sample.said, None, None, None, 1)
    first, known = sample.said[0], sample.said[0] in LABELS
    rank = sample.said.index(sample.target) + 1 if sample.target in sample.said else None
    return Cell(sample.target, Outcome.ANSWERED, first if known else None, known, rank, 1)


def scored(samples: Sequence[Given], *, dropped: bool) -> Metrics:
    rules = ScoringRules(headline="uar", out_of_vocabulary="dropped" if dropped else "wrong")
    return score(map(cell, samples), labels=LABELS, rules=rules, resamples=30)


def counting(samples: Sequence[Given], *, dropped: bool) -> list[tuple[str, str, Given]]:
    """Return target and first label of the samples that count."""
    return [
        (s.target, s.said[0], s)
        for s in samples
        if not isinstance(s.said, Outcome) and not (dropped and s.said[0] not in LABELS)
    ]


def oracle(targets: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    over = {"y_true": targets, "y_pred": answers, "labels": sorted(set(targets))}
    return {
        "accuracy": accuracy_score(targets, answers),
        "uar": recall_score(**over, average="macro", zero_division=0),
        "weighted_f1": f1_score(**over, average="weighted", zero_division=0),
        "macro_f1": f1_score(**over, average="macro", zero_division=0),
    }


def figure(metrics: Metrics, name: str) -> Figure:
    found: Figure = getattr(metrics, name)
    return found


@example(samples=ALL_REFUSED, dropped=False)
@example(samples=ONE, dropped=False)
@example(samples=ONE_STRAY, dropped=False)
@example(samples=ONE_STRAY, dropped=True)
@example(samples=TIES, dropped=False)
@given(samples=given_samples, dropped=st.booleans())
def test_figures_agree_with_scikit_learn(samples: list[Given], dropped: bool) -> None:
    metrics = scored(samples, dropped=dropped)
    counted = counting(samples, dropped=dropped)
    targets, answers = [c[0] for c in counted], [c[1] for c in counted]

    assert metrics.scored == len(counted)
    if not counted:
        assert [figure(metrics, name).value for name in NAMES] == [None] * len(NAMES)
        assert set(metrics.top_k.values()) == {None}
        return
    expected = oracle(targets, answers)
    assert {name: figure(metrics, name).value for name in NAMES} == pytest.approx(expected)
    for k in (1, 2, 3):
        within = [t in s.said[:k] for t, _, s in counted if not isinstance(s.said, Outcome)]
        assert metrics.top_k[str(k)] == pytest.approx(np.mean(within))


@example(samples=ALL_REFUSED, dropped=False)
@example(samples=ONE_STRAY, dropped=True)
@given(samples=given_samples, dropped=st.booleans())
def test_strict_figures_and_bounds_agree_with_scikit_learn(
    samples: list[Given], dropped: bool
) -> None:
    metrics = scored(samples, dropped=dropped)
    counted = {id(s): answer for _, answer, s in counting(samples, dropped=dropped)}
    targets = [s.target for s in samples]

    worst = oracle(targets, [counted.get(id(s), "nothing") for s in samples])
    best = oracle(targets, [counted.get(id(s), s.target) for s in samples])

    for name in NAMES:
        assert figure(metrics, name).strict == pytest.approx(worst[name])
        assert figure(metrics, name).bounds == pytest.approx((worst[name], best[name]))


@example(samples=ALL_REFUSED, dropped=False)
@given(samples=given_samples, dropped=st.booleans())
def test_class_figures_and_the_confusion_agree_with_scikit_learn(
    samples: list[Given], dropped: bool
) -> None:
    metrics = scored(samples, dropped=dropped)
    columns = [*LABELS, *map(str, EXTRA_COLUMNS)]
    became = [
        str(s.said)
        if isinstance(s.said, Outcome)
        else s.said[0]
        if s.said[0] in LABELS
        else columns[len(LABELS)]
        for s in samples
    ]

    whole = confusion_matrix([s.target for s in samples], became, labels=columns)

    assert np.array_equal(metrics.confusion.counts, whole[: len(LABELS)])
    counted = counting(samples, dropped=dropped)
    if counted:
        p, r, f, n = precision_recall_fscore_support(
            [c[0] for c in counted],
            [c[1] for c in counted],
            labels=LABELS,
            zero_division=np.nan,
        )
        shown = metrics.per_class
        assert [c.support for c in shown] == list(n)
        for got, share in (("precision", p), ("recall", r)):
            values = [getattr(c, got) for c in shown]
            assert [np.nan if v is None else v for v in values] == pytest.approx(
                list(share), nan_ok=True
            )
        defined = [(c.f1, value) for c, value in zip(shown, f, strict=True) if c.f1 is not None]
        for value, expected in defined:
            assert value == pytest.approx(np.nan_to_num(expected))


@example(samples=ONE, dropped=False)
@given(samples=given_samples, dropped=st.booleans())
def test_the_interval_of_accuracy_agrees_with_scipy(samples: list[Given], dropped: bool) -> None:
    metrics = scored(samples, dropped=dropped)
    counted = counting(samples, dropped=dropped)

    if not counted:
        assert metrics.accuracy.ci95 is None
        return
    hits = sum(target == answer for target, answer, _ in counted)
    wilson = binomtest(hits, len(counted)).proportion_ci(0.95, method="wilson")
    assert metrics.accuracy.ci95 == pytest.approx((wilson.low, wilson.high), abs=1e-12)


@example(samples=ONE, dropped=False)
@given(samples=given_samples, dropped=st.booleans())
def test_intervals_hold_what_a_resample_can_give(samples: list[Given], dropped: bool) -> None:
    metrics = scored(samples, dropped=dropped)

    for name in NAMES[1:]:
        interval = figure(metrics, name).ci95
        assert (interval is None) == (metrics.scored == 0)
        if interval is not None:
            assert 0.0 <= interval[0] <= interval[1] <= 1.0


@given(samples=given_samples)
def test_the_majority_baseline_agrees_with_scikit_learn(samples: list[Given]) -> None:
    metrics = scored(samples, dropped=False)
    targets = [s.target for s in samples]
    nothing = np.zeros((len(targets), 1))

    always = DummyClassifier(strategy="most_frequent").fit(nothing, targets).predict(nothing)

    expected = oracle(targets, list(always))
    assert metrics.baselines.majority == pytest.approx(expected["uar"])
    assert metrics.baselines.accuracy.majority == pytest.approx(expected["accuracy"])
