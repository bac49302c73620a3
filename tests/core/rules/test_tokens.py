import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.pictures import Item, Picture, Prompt
from core.rules.tokens import estimate, image_tokens, text_tokens
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


@given(sides, sides)
def test_an_image_costs_something_and_no_more_than_its_cap(width: int, height: int) -> None:
    assert 1 <= image_tokens("patches", Detail.AUTO, width, height) <= 1536
    assert 255 <= image_tokens("tiles", Detail.AUTO, width, height) <= 85 + 170 * 8


@given(st.sampled_from(["tiles", "patches"]), sides, sides)
def test_turning_an_image_changes_nothing(rule: str, width: int, height: int) -> None:
    one = image_tokens("tiles" if rule == "tiles" else "patches", Detail.HIGH, width, height)
    other = image_tokens("tiles" if rule == "tiles" else "patches", Detail.HIGH, height, width)

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
