"""What a submission expands into."""

from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import InvalidInput
from core.rules.specs import Capabilities, Condition
from core.rules.submissions import Conditions, Submission, batch_size, batch_sizes, expand
from core.vocabulary import Color, Modality


def test_conditions_are_crossed() -> None:
    asked = Conditions(template=("default", "short"), color=(Color.RGB, Color.GRAY))

    found = expand(asked, Modality.IMAGE)

    assert [(c.template, c.color) for c in found] == [
        ("default", "rgb"),
        ("default", "gray"),
        ("short", "rgb"),
        ("short", "gray"),
    ]


def test_what_a_modality_does_not_show_adds_no_condition() -> None:
    asked = Conditions(
        modality=(Modality.TEXT, Modality.VIDEO), frames=(1, 2), color=(Color.RGB, Color.GRAY)
    )

    found = expand(asked, Modality.VIDEO_TEXT)

    assert [(c.modality, c.frames) for c in found if c.modality is Modality.TEXT] == [
        ("text", None)
    ]
    assert len([c for c in found if c.modality is Modality.VIDEO]) == 4


def test_an_image_has_no_frames() -> None:
    assert [c.frames for c in expand(Conditions(frames=(1, 3)), Modality.IMAGE)] == [None]


def test_a_modality_the_dataset_lacks_is_refused() -> None:
    with pytest.raises(InvalidInput, match="holds image; a run over it cannot show video"):
        expand(Conditions(modality=(Modality.VIDEO,)), Modality.IMAGE)


@pytest.mark.parametrize(
    ("modality", "frames", "wanted", "images", "size"),
    [
        ("image", None, None, 20, 20),
        ("image", None, None, 10, 10),
        ("image", None, 5, 10, 5),
        ("image", None, 50, 20, 20),
        ("text", None, None, 1, 20),
        ("text", None, 500, 1, 500),
        ("image+text", None, None, 20, 20),
        ("video", 3, None, 50, 8),
        ("video", 3, None, 20, 6),
        ("video", 3, None, 10, 3),
        ("video+text", 3, None, 50, 6),
        ("video", 10, None, 10, 1),
    ],
)
def test_a_request_stays_within_the_capabilities(
    modality: str, frames: int | None, wanted: int | None, images: int, size: int
) -> None:
    condition = Condition(modality=Modality(modality), template="default@1", frames=frames)

    assert batch_size(condition, Capabilities(images_per_request=images), wanted) == size


def test_a_sample_with_more_frames_than_the_model_takes_is_refused() -> None:
    condition = Condition(modality=Modality.VIDEO, template="default@1", frames=11)

    with pytest.raises(InvalidInput, match="11 frames a sample, but the model takes 10"):
        batch_size(condition, Capabilities(images_per_request=10), None)


@pytest.mark.parametrize(
    ("modality", "frames", "asked", "own", "sizes"),
    [
        ("image", None, (None,), None, {20: None}),
        ("image", None, (None,), 12, {12: None}),
        ("image", None, (7,), 12, {7: 7}),
        ("image", None, (20, 1), None, {1: 1, 20: 20}),
        ("image", None, (1, 20, 1), None, {1: 1, 20: 20}),
        ("image", None, (30, 25, 5), None, {5: 5, 20: 25}),
        ("video", 3, (1, 8, 20), None, {1: 1, 6: 8}),
        ("text", None, (8, 20, 500), None, {8: 8, 20: 20, 500: 500}),
    ],
)
def test_batch_sizes_that_come_to_the_same_are_one(
    modality: str,
    frames: int | None,
    asked: tuple[int | None, ...],
    own: int | None,
    sizes: dict[int, int | None],
) -> None:
    condition = Condition(modality=Modality(modality), template="default@1", frames=frames)

    assert batch_sizes(condition, Capabilities(), asked, own=own) == sizes


@pytest.mark.parametrize(
    ("given", "sizes"), [(None, (None,)), (4, (4,)), ([1, 20], (1, 20)), ([3], (3,))]
)
def test_a_batch_size_is_none_one_or_several(given: Any, sizes: tuple[int | None, ...]) -> None:
    body = {"dataset": "d", "models": ["m"], "batch_size": given}

    assert Submission.model_validate(body).batch_sizes == sizes


@pytest.mark.parametrize("given", [0, 1001, [], [1, 0], [1, "x"], "x", [[1]], list(range(1, 102))])
def test_another_batch_size_is_refused_in_one_sentence(given: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Submission.model_validate({"dataset": "d", "models": ["m"], "batch_size": given})

    (fault,) = refused.value.errors()
    assert fault["loc"] == ("batch_size",)
    assert "a number from 1 to 1000, or up to 100 of them" in fault["msg"]


@pytest.mark.parametrize(
    "condition",
    [
        Condition(modality=Modality.TEXT, template="plain@2"),
        Condition(modality=Modality.IMAGE, template="terse@1", color=Color.GRAY, longest_side=64),
        Condition(modality=Modality.VIDEO, template="default@1", frames=5, jpeg_quality=80),
    ],
)
def test_one_condition_crosses_to_itself(condition: Condition) -> None:
    assert expand(Conditions.only(condition), condition.modality) == [condition]
