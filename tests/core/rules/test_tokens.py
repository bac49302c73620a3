from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.pictures import Item, Picture, Prompt
from core.rules.tokens import ImageRule, estimate, image_tokens, text_tokens
from core.vocabulary import Detail

sides = st.integers(1, 20_000)


def picture(width: int, height: int) -> Picture:
    return Picture(b"", "image/jpeg", width, height, "", "")


@pytest.mark.parametrize(
    ("width", "height", "detail", "tokens"),
    [
        # The three examples of the published guide.
        (1024, 1024, Detail.HIGH, 765),
        (2048, 4096, Detail.HIGH, 1105),
        (4096, 8192, Detail.LOW, 85),
        (48, 48, Detail.HIGH, 255),
        (512, 512, Detail.HIGH, 255),
        (513, 512, Detail.HIGH, 425),
        (512, 512, Detail.AUTO, 255),
        (8192, 1, Detail.HIGH, 765),
    ],
)
def test_tiles(width: int, height: int, detail: Detail, tokens: int) -> None:
    assert image_tokens("tiles", detail, width, height) == tokens


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        # The two examples of the published guide.
        (1024, 1024, 1024),
        (1800, 2400, 1452),
        (32, 32, 1),
        (33, 32, 2),
        (1, 1, 1),
        (2048, 768, 1536),
        # What the guide's formula gives for an image that is still too large after the first step.
        (20_000, 20_000, 1521),
    ],
)
def test_patches(width: int, height: int, tokens: int) -> None:
    assert image_tokens("patches", Detail.HIGH, width, height) == tokens


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        # The examples of the published table.
        (200, 200, 54),
        (1000, 1000, 1334),
        (1092, 1092, 1590),
        (48, 48, 4),
        (1, 1, 1),
        (3136, 400, 419),
        (8000, 8000, 1600),
    ],
)
def test_area(width: int, height: int, tokens: int) -> None:
    assert image_tokens("area", Detail.LOW, width, height) == tokens


@pytest.mark.parametrize(
    ("width", "height", "detail", "tokens"),
    [
        (384, 384, Detail.HIGH, 258),
        # The example of the published guide: crops of 360 pixels, three by two.
        (960, 540, Detail.HIGH, 6 * 258),
        (385, 100, Detail.AUTO, 2 * 258),
        (3072, 3072, Detail.HIGH, 16 * 258),
        (3072, 3072, Detail.LOW, 64),
    ],
)
def test_crops(width: int, height: int, detail: Detail, tokens: int) -> None:
    assert image_tokens("crops", detail, width, height) == tokens


def test_a_budget_is_the_same_for_every_size() -> None:
    assert image_tokens("budget", Detail.LOW, 48, 48) == 280
    assert image_tokens("budget", Detail.HIGH, 4000, 3000) == 1120
    assert image_tokens("budget", Detail.AUTO, 48, 48) == 1120


@given(sides, sides)
def test_an_image_costs_something_and_no_more_than_its_cap(width: int, height: int) -> None:
    assert 1 <= image_tokens("patches", Detail.AUTO, width, height) <= 1536
    assert 1 <= image_tokens("area", Detail.AUTO, width, height) <= 1600
    assert 255 <= image_tokens("tiles", Detail.AUTO, width, height) <= 85 + 170 * 8


@given(st.sampled_from(get_args(ImageRule)), sides, sides)
def test_turning_an_image_changes_nothing(rule: ImageRule, width: int, height: int) -> None:
    one = image_tokens(rule, Detail.HIGH, width, height)
    other = image_tokens(rule, Detail.HIGH, height, width)

    assert one == other


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("The quick brown fox jumps over the lazy dog", 9, 13),
        ('[{"name": "Image 1", "result": ["happy"]}]', 12, 25),
        ("快乐的脸", 3, 5),
    ],
)
def test_text_is_estimated_on_the_high_side(text: str, least: int, most: int) -> None:
    assert least <= text_tokens(text) <= most


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, other: str) -> None:
    assert text_tokens(one) <= text_tokens(one + " " + other)


def test_answer_counts_ahead_and_each_picture_by_its_size() -> None:
    small = Prompt("Which?", (Item("Image 1", (picture(48, 48),)),))
    large = Prompt("Which?", (Item("Image 1", (picture(1024, 1024), picture(48, 48)), "a face"),))

    low, high = (estimate(small, detail, "tiles", 300) for detail in (Detail.LOW, Detail.HIGH))

    assert low - estimate(small, Detail.LOW, "tiles", 100) == 200
    assert high - low == 170
    assert estimate(large, Detail.HIGH, "tiles", 300) > high + 765
