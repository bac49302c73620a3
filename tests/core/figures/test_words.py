"""What rows are called, and how text is made to fit."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analyses.figures import Place
from core.figures.heat import SHADES, luminance
from core.figures.sheet import BODY, cut, printable, width_of, wrapped
from core.figures.words import labels, points, shared, unlike, versions
from core.vocabulary import Task

CONDITION = {"modality": "image", "template": "default@1", "detail": "low"}


def place(model: str = "a", batch_size: int = 1, **condition: str) -> Place:
    return Place(
        dataset="d@1",
        variant=None,
        task=Task.FACIAL_EMOTION,
        model=model,
        condition={**CONDITION, **condition},
        batch_size=batch_size,
    )


def of(dataset: str, variant: str | None = None) -> Place:
    return place().model_copy(update={"dataset": dataset, "variant": variant})


def test_a_dataset_goes_by_its_name_unless_there_are_several_versions() -> None:
    shown = [of("a@123456789", "x"), of("b@123456789"), of("b@abcdefghi"), of("a@123456789", "x")]

    assert versions(shown) == {
        "a@123456789": "a",
        "b@123456789": "b@123456",
        "b@abcdefghi": "b@abcdef",
    }


def test_versions_that_are_variants_go_by_these() -> None:
    assert versions([of("b@123456789", "four_agree"), of("b@abcdefghi", "five_agree")]) == {
        "b@123456789": "b four agree",
        "b@abcdefghi": "b five agree",
    }


def test_two_versions_of_one_variant_are_told_apart_all_the_same() -> None:
    assert versions([of("b@123456789", "five_agree"), of("b@abcdefghi", "five_agree")]) == {
        "b@123456789": "b@123456",
        "b@abcdefghi": "b@abcdef",
    }


def test_rows_name_what_differs_and_the_figure_what_is_shared() -> None:
    several = [place(color="rgb"), place(color="gray"), place(color="gray", detail="high")]

    assert labels(several, models=False) == [
        "rgb low detail",
        "gray low detail",
        "gray high detail",
    ]
    assert shared(several) == "a image default@1"
    assert labels([place("a"), place("b")], models=True) == ["a", "b"]
    assert labels([place()], models=True) == ["a"]


def test_the_batch_size_is_named_where_nothing_else_differs() -> None:
    several = [
        place(color="rgb"),
        place(batch_size=20, color="rgb"),
        place(batch_size=20, color="gray"),
    ]

    assert labels(several, models=False) == ["rgb batches of 1", "rgb batches of 20", "gray"]


def test_words_that_all_texts_have_are_told_apart() -> None:
    assert unlike(["a image #1", "b image #1"]) == (
        {"a image #1": "a", "b image #1": "b"},
        "image #1",
    )
    assert unlike([]) == ({}, "")


@pytest.mark.parametrize(
    ("difference", "text"),
    [(None, ""), (0.0, "0.00"), (-0.00001, "0.00"), (0.012345, "+1.23"), (-0.5, "−50.00")],
)
def test_differences_have_a_sign_unless_they_are_nothing(
    difference: float | None, text: str
) -> None:
    assert points(difference) == text


LATIN = st.characters(min_codepoint=32, max_codepoint=382, exclude_characters="=%")


@given(st.text(LATIN, max_size=60), st.floats(0.3, 3.0))
def test_lines_fit_and_lose_no_word_that_does(text: str, width: float) -> None:
    lines = wrapped(text, width, BODY)

    assert all(width_of(line, BODY) <= width for line in lines)
    short = [word for word in printable(text).split(" ") if 0 < width_of(word, BODY) <= width]
    assert [word for word in " ".join(lines).split(" ") if word in short] == short


@given(st.text(LATIN, max_size=30), st.floats(0.2, 2.0))
def test_a_cut_text_is_a_beginning(text: str, width: float) -> None:
    shown = cut(text, width, BODY)

    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))
    assert width_of(shown, BODY) <= width


@given(st.text())
def test_nothing_that_xml_does_not_take_is_printed(text: str) -> None:
    assert all(
        character >= " " and not 0xD800 <= ord(character) < 0xE000 for character in printable(text)
    )


def test_shades_darken_evenly_so_that_they_are_read_in_gray() -> None:
    levels = [luminance(SHADES(step)) for step in range(256)]

    assert all(lighter > darker for lighter, darker in pairwise(levels))
    assert levels[0] > 0.9
    assert levels[-1] < 0.1


@pytest.mark.parametrize(
    ("color", "expected"),
    [((1, 1, 1), 1.0), ((0, 0, 0), 0.0), ((1, 0, 0), 0.2126), ((0.5, 0.5, 0.5), 0.2140)],
)
def test_luminance_is_that_of_wcag(color: tuple[float, ...], expected: float) -> None:
    assert luminance(color) == pytest.approx(expected, abs=1e-4)
