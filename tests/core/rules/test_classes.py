from typing import Any

import pytest
from pydantic import ValidationError

from core.rules.classes import Classes, rank
from core.rules.scoring import Cell, score
from core.rules.specs import DatasetSpec, ScoringRules
from core.vocabulary import Modality, Outcome, Task

LEVELS = ("negative", "weakly negative", "neutral", "weakly positive", "positive")
TO_SIGN = {level: "positive" if "positive" in level else "negative" for level in LEVELS}
ANSWERED = Outcome.ANSWERED


def spec(labels: tuple[str, ...] = LEVELS, **scoring: object) -> DatasetSpec:
    return DatasetSpec(
        name="moods",
        task=Task.MULTIMODAL_EMOTION,
        modality=Modality.TEXT,
        labels=labels,
        scoring=ScoringRules.model_validate(scoring),
    )


SIGNED = spec(map=TO_SIGN, target="sign")


def test_without_a_map_every_label_is_its_own_class() -> None:
    classes = Classes.of(spec())

    assert classes.names == LEVELS
    assert classes.right("neutral", None) == {"neutral"}


def test_mapped_classes_come_in_the_order_of_the_labels() -> None:
    assert SIGNED.classes == ("negative", "positive")
    assert spec(LEVELS[::-1], map=TO_SIGN).classes == ("positive", "negative")


@pytest.mark.parametrize(
    ("number", "target"), [(0.2, "positive"), (-3.0, "negative"), (0.0, None), (-0.0, None)]
)
def test_the_sign_of_a_number_decides_and_zero_decides_nothing(
    number: float, target: str | None
) -> None:
    assert Classes.of(SIGNED).of_target(None, number) == target


def test_a_target_may_be_spelled_as_a_class() -> None:
    emotions = spec(("awe", "fear"), map={"Awe": "positive", "fear": "negative"})

    classes = Classes.of(emotions)

    assert classes.of_target("awe", None) == classes.of_target("positive", None) == "positive"
    with pytest.raises(ValueError, match="none of the labels"):
        classes.of_target("joy", None)


def test_the_rank_is_that_of_the_first_label_that_means_the_target() -> None:
    right = Classes.of(SIGNED).right(None, 1.4)

    assert right == {"positive", "weakly positive"}
    assert rank(["neutral", "weakly positive", "positive"], right) == 2
    assert rank(["neutral"], right) is None
    assert rank(["positive"], Classes.of(SIGNED).right(None, 0.0)) is None


@pytest.mark.parametrize(
    ("scoring", "reason"),
    [
        ({"map": {"negative": "negative"}}, "every label"),
        ({"map": {**TO_SIGN, "joy": "positive"}}, "every label"),
        ({"map": dict.fromkeys(LEVELS, "positive")}, "two classes"),
        ({"target": "sign"}, "positive and negative"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(scoring: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        spec(**scoring)


def test_excluded_samples_are_counted_and_in_no_figure() -> None:
    cells = [
        Cell("positive", ANSWERED, "positive", in_vocabulary=True, rank=1, count=3),
        Cell("negative", ANSWERED, "positive", in_vocabulary=True, rank=2, count=1),
        Cell(None, ANSWERED, "negative", in_vocabulary=True, rank=None, count=2),
        Cell(None, Outcome.REFUSED, None, in_vocabulary=None, rank=None, count=1),
    ]

    metrics = score(cells, labels=SIGNED.classes, rules=SIGNED.scoring)

    assert (metrics.samples, metrics.answered, metrics.refused) == (7, 6, 1)
    assert (metrics.excluded, metrics.scored) == (3, 4)
    assert metrics.accuracy.value == metrics.accuracy.strict == 0.75
    assert sum(map(sum, metrics.confusion.counts)) == 4
