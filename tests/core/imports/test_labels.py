import pytest

from core.errors import InvalidMedia
from core.imports.labels import Labels

LABELS = Labels(["Anger", "happy", "3"])


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("Anger", "Anger"),
        ("anger", "Anger"),
        (" HAPPY ", "happy"),
        (3, "3"),
        ("-1.6", -1.6),
        ("0.0", 0.0),
        (2.0, 2.0),
    ],
)
def test_targets_are_labels_in_any_case_or_numbers_with_a_point(
    written: object, target: str | float
) -> None:
    assert LABELS.match(written) == target


@pytest.mark.parametrize("written", ["hapy", "4", 4, "-1", "nan", float("nan"), float("inf")])
def test_other_targets_are_named_beside_the_labels(written: object) -> None:
    with pytest.raises(InvalidMedia, match=f"'{written}', which is not one of Anger, happy, 3"):
        LABELS.match(written)


@pytest.mark.parametrize("written", [None, "", " "])
def test_no_target_is_a_fault(written: object) -> None:
    with pytest.raises(InvalidMedia, match="has no label"):
        LABELS.match(written)
