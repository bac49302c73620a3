"""What two bodies of metrics do not share."""

from core.rules.differences import Difference, differences

BEFORE = {
    "accuracy": {"value": 0.5, "ci95": [0.25, 0.75], "strict": None},
    "per_class": [{"label": "anger", "recall": 0.5, "support": 4}],
    "confusion": {"counts": [[1, 2]]},
    "headline": {"metric": "accuracy", "value": 0.5},
}


def test_a_body_does_not_differ_from_itself() -> None:
    assert differences(BEFORE, BEFORE) == []


def test_every_number_that_changed_is_told_with_its_place_but_no_cell_of_the_confusion() -> None:
    after = {
        **BEFORE,
        "accuracy": {"value": 0.75, "ci95": [0.5, 0.75], "strict": 0.5},
        "per_class": [{"label": "anger", "recall": None, "support": 4}],
        "confusion": {"counts": [[3, 0]]},
    }

    assert differences(BEFORE, after) == [
        Difference("accuracy.value", 0.5, 0.75),
        Difference("accuracy.ci95.0", 0.25, 0.5),
        Difference("accuracy.strict", None, 0.5),
        Difference("per_class.anger.recall", 0.5, None),
    ]


def test_there_is_no_delta_to_or_from_nothing() -> None:
    assert Difference("accuracy.value", 0.5, 0.75).delta == 0.25
    assert Difference("accuracy.value", None, 0.75).delta is None
    assert Difference("accuracy.value", 0.5, None).delta is None


def test_a_figure_that_only_one_body_has_is_told() -> None:
    assert differences({"a": 1}, {"b": 2}) == [Difference("b", None, 2), Difference("a", 1, None)]
