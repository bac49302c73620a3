"""What a submission expands into."""

import pytest

from core.errors import InvalidInput
from core.rules.specs import Capabilities, Condition
from core.rules.submissions import Conditions, batch_size, expand
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
