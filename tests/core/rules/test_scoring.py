"""From tallies to figures: what counts, what does not, and what is null."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.scoring import Cell, Metrics, score
from core.rules.specs import ScoringRules
from core.vocabulary import Outcome

LABELS = ("anger", "happy", "sad")
WRONG = ScoringRules(headline="uar")
DROPPED = ScoringRules(headline="uar", out_of_vocabulary="dropped")


def answered(target: str, label: str, count: int, rank: int | None) -> Cell:
    return Cell(target, Outcome.ANSWERED, label, True, rank, count)


def stray(target: str, count: int, rank: int | None = None) -> Cell:
    return Cell(target, Outcome.ANSWERED, None, False, rank, count)


def missing(target: str, outcome: Outcome | None, count: int) -> Cell:
    return Cell(target, outcome, None, None, None, count)


KNOWN = [
    answered("anger", "anger", 6, 1),
    answered("anger", "happy", 2, 2),
    answered("happy", "happy", 3, 1),
    answered("happy", "anger", 1, 3),
    stray("anger", 1, 2),
    stray("happy", 1),
    missing("anger", Outcome.REFUSED, 2),
    missing("happy", Outcome.UNPARSED, 1),
    missing("happy", Outcome.FAILED, 1),
    missing("anger", None, 2),
]


@st.composite
def tallies(draw: st.DrawFn) -> list[Cell]:
    label = st.sampled_from(LABELS)
    count = st.integers(1, 40)
    right = label.flatmap(lambda t: st.builds(Cell, *map(st.just, right_of(t)), count))
    wrong = st.tuples(label, label, st.sampled_from([2, 3, None]), count)
    other = wrong.filter(lambda c: c[0] != c[1]).map(lambda c: answered(c[0], c[1], c[3], c[2]))
    strays = st.builds(stray, label, count, st.sampled_from([2, 3, None]))
    without = st.sampled_from([Outcome.REFUSED, Outcome.UNPARSED, Outcome.FAILED, None])
    gone = st.builds(missing, label, without, count)
    return draw(st.lists(st.one_of(right, other, strays, gone), max_size=12))


def right_of(target: str) -> tuple[str, Outcome, str, bool, int]:
    return target, Outcome.ANSWERED, target, True, 1


rules = st.builds(
    ScoringRules,
    headline=st.sampled_from(["accuracy", "uar", "weighted_f1", "macro_f1"]),
    out_of_vocabulary=st.sampled_from(["wrong", "dropped"]),
)


def scored(cells: list[Cell], rules: ScoringRules = WRONG) -> Metrics:
    return score(cells, labels=LABELS, rules=rules, resamples=20)


def test_coverage_counts_every_sample_once() -> None:
    metrics = scored(KNOWN)

    assert metrics.samples == 20
    assert metrics.answered == 14
    assert (metrics.refused, metrics.unparsed, metrics.failed, metrics.pending) == (2, 1, 1, 2)
    assert metrics.out_of_vocabulary == 2
    assert metrics.scored == 14


def test_an_answer_out_of_vocabulary_is_wrong_by_default() -> None:
    metrics = scored(KNOWN)

    assert metrics.accuracy.value == pytest.approx(9 / 14)
    assert metrics.uar.value == pytest.approx((6 / 9 + 3 / 5) / 2)
    assert metrics.headline.metric == "uar"
    assert metrics.headline.value == metrics.uar.value


def test_an_answer_out_of_vocabulary_may_be_dropped() -> None:
    metrics = scored(KNOWN, DROPPED)

    assert metrics.scored == 12
    assert metrics.out_of_vocabulary == 2
    assert metrics.accuracy.value == pytest.approx(9 / 12)
    assert metrics.uar.value == pytest.approx((6 / 8 + 3 / 4) / 2)
    assert metrics.top_k == pytest.approx({"1": 9 / 12, "2": 11 / 12, "3": 1.0})


@pytest.mark.parametrize("by", [WRONG, DROPPED])
def test_strict_counts_everything_that_is_not_scored_as_wrong(by: ScoringRules) -> None:
    metrics = scored(KNOWN, by)

    assert metrics.accuracy.strict == pytest.approx(9 / 20)
    assert metrics.uar.strict == pytest.approx((6 / 13 + 3 / 7) / 2)


def test_bounds_take_what_is_not_scored_as_all_wrong_and_all_right() -> None:
    metrics = scored(KNOWN)

    assert metrics.accuracy.bounds == pytest.approx((9 / 20, 15 / 20))
    assert metrics.uar.bounds == pytest.approx(((6 / 13 + 3 / 7) / 2, (10 / 13 + 5 / 7) / 2))


def test_top_k_counts_targets_behind_a_stray_first_label() -> None:
    metrics = scored(KNOWN)

    assert metrics.top_k == pytest.approx({"1": 9 / 14, "2": 12 / 14, "3": 13 / 14})


def test_a_class_without_samples_is_null_and_in_no_average() -> None:
    metrics = scored(KNOWN)

    sad = metrics.per_class[2]
    assert (sad.label, sad.support) == ("sad", 0)
    assert (sad.precision, sad.recall, sad.f1) == (None, None, None)


def test_the_confusion_matrix_shows_what_became_of_every_sample_that_is_not_pending() -> None:
    confusion = scored(KNOWN, DROPPED).confusion

    assert confusion.labels == LABELS
    assert confusion.columns == (*LABELS, "out_of_vocabulary", "refused", "unparsed", "failed")
    assert confusion.counts == (
        (6, 2, 0, 1, 2, 0, 0),
        (1, 3, 0, 1, 0, 1, 1),
        (0, 0, 0, 0, 0, 0, 0),
    )


def test_baselines_are_of_all_samples_for_the_headline_metric_and_for_accuracy() -> None:
    baselines = scored(KNOWN).baselines

    assert baselines.majority == pytest.approx(1 / 2)
    assert baselines.random == pytest.approx(1 / 3)
    assert baselines.accuracy.majority == pytest.approx(13 / 20)
    assert baselines.accuracy.random == pytest.approx(1 / 3)


def test_no_samples_are_null_everywhere_and_never_zero() -> None:
    metrics = scored([])

    assert metrics.samples == 0
    for figure in (metrics.accuracy, metrics.uar, metrics.weighted_f1, metrics.macro_f1):
        assert figure.model_dump() == {"value": None, "ci95": None, "strict": None, "bounds": None}
    assert metrics.headline.value is None
    assert metrics.top_k == {"1": None, "2": None, "3": None}
    assert metrics.baselines.majority is None


def test_a_run_without_one_answer_has_no_figure_but_bounds() -> None:
    metrics = scored([missing("sad", Outcome.REFUSED, 5)])

    assert metrics.accuracy.value is None
    assert metrics.accuracy.ci95 is None
    assert metrics.accuracy.strict == 0.0
    assert metrics.accuracy.bounds == (0.0, 1.0)


def test_a_target_outside_the_labels_is_an_error_of_the_dataset() -> None:
    with pytest.raises(ValueError, match="'joy' is none of the labels"):
        scored([answered("joy", "happy", 1, None)])


def test_labels_match_exactly_so_another_spelling_is_out_of_vocabulary() -> None:
    assert scored([answered("happy", "Happy", 4, None)]).out_of_vocabulary == 4


@given(tallies(), rules, st.randoms())
def test_the_order_of_the_tally_and_its_grain_make_no_difference(
    cells: list[Cell], by: ScoringRules, random: Any
) -> None:
    finer = [
        replace(cell, count=part) for cell in cells for part in (cell.count - 1, 1) if part > 0
    ]
    random.shuffle(finer)

    assert scored(finer, by) == scored(cells, by)


@given(tallies(), st.sampled_from(LABELS))
def test_a_stray_label_never_changes_the_denominator_of_uar(cells: list[Cell], target: str) -> None:
    support = {c.target for c in cells if c.outcome is Outcome.ANSWERED} | {target}

    metrics = scored([*cells, stray(target, 1)])

    recalls = [c.recall for c in metrics.per_class if c.recall is not None]
    assert len(recalls) == len(support)
    assert metrics.uar.value == pytest.approx(sum(recalls) / len(support))


@given(tallies(), rules)
def test_figures_are_ordered_and_add_up(cells: list[Cell], by: ScoringRules) -> None:
    metrics = scored(cells, by)

    parts = (metrics.refused, metrics.unparsed, metrics.failed, metrics.pending)
    assert metrics.answered + sum(parts) == metrics.samples
    assert sum(map(sum, metrics.confusion.counts)) + metrics.pending == metrics.samples
    assert sum(c.support for c in metrics.per_class) == metrics.scored
    if metrics.scored:
        assert metrics.top_k["1"] == metrics.accuracy.value
        assert metrics.accuracy.value is not None
        assert metrics.accuracy.bounds is not None
        low, high = metrics.accuracy.bounds
        assert low == metrics.accuracy.strict
        assert low - 1e-12 <= metrics.accuracy.value <= high + 1e-12


@given(tallies(), rules)
def test_with_every_sample_scored_all_three_figures_are_one(
    cells: list[Cell], by: ScoringRules
) -> None:
    whole = [c for c in cells if c.outcome is Outcome.ANSWERED and c.in_vocabulary]

    metrics = scored(whole, by)

    for figure in (metrics.accuracy, metrics.uar, metrics.weighted_f1, metrics.macro_f1):
        assert figure.strict == figure.value
        assert figure.bounds == (None if figure.value is None else (figure.value, figure.value))


@given(tallies(), rules)
def test_figures_survive_json_without_nan(cells: list[Cell], by: ScoringRules) -> None:
    metrics = scored(cells, by)

    body = json.loads(json.dumps(metrics.model_dump(mode="json"), allow_nan=False))

    assert Metrics.model_validate(body) == metrics
    assert not any(isinstance(v, float) and math.isnan(v) for v in body["top_k"].values())
