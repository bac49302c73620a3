"""What a template may say, and what a request says with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput, InvalidTemplate
from core.rules.templates import check, instructions, noun, parse_reference, render
from core.vocabulary import Modality

LABELS = ("anger", "happy", "neutral")


def test_placeholders_are_filled() -> None:
    text = "{count} videos, {frames} pictures each: {labels}. {{kept}}"

    check(text, Modality.VIDEO)

    assert render(text, labels=LABELS, count=2, frames=3) == (
        "2 videos, 3 pictures each: anger, happy, neutral. {kept}"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{label}", "{label}"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{labels.__class__}", "{labels.__class__}"),
        ("{labels[0]}", "{labels[0]}"),
        ("{count!r}", "{count!r}"),
        ("{count:9999999999}", "{count:9999999999}"),
        ("{frames}", "{frames}"),
    ],
)
def test_what_nothing_fills_is_named_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        check(text, Modality.IMAGE)

    assert said in str(caught.value)
    assert caught.value.details["allowed"] == ["labels", "count"]


@pytest.mark.parametrize("text", ["{", "}", "{labels", "a } b", "{labels}}", "", " \n"])
def test_a_text_that_cannot_be_rendered_is_refused(text: str) -> None:
    with pytest.raises(InvalidTemplate):
        check(text, Modality.IMAGE)


@given(st.text(st.sampled_from("{}a!:.[]0 ") | st.characters()), st.sampled_from(Modality))
def test_what_is_accepted_can_be_rendered(text: str, modality: Modality) -> None:
    try:
        check(text, modality)
    except InvalidTemplate:
        return

    assert isinstance(render(text, labels=LABELS, count=1, frames=None), str)


@given(st.text(min_size=1).filter(str.strip))
def test_a_text_with_its_braces_doubled_is_rendered_as_it_was(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")

    check(doubled, Modality.TEXT)

    assert render(doubled, labels=LABELS, count=1, frames=None) == text


@pytest.mark.parametrize("text", ["Judge the faces.", "Choose from {labels}."])
def test_the_labels_always_stand_in_a_line_of_their_own(text: str) -> None:
    said = instructions(text, labels=LABELS, count=2, frames=None, noun="Image")

    assert [line for line in said.splitlines() if line.startswith("Labels:")] == [
        "Labels: anger, happy, neutral"
    ]


def test_the_answer_is_asked_for_in_the_form_that_is_parsed() -> None:
    said = instructions("Judge.", labels=LABELS, count=20, frames=3, noun="Video")

    assert said.startswith("Judge.\n\n")
    assert '[{"name": "Video 1", "result": ["best label", ..., "worst label"]}, ...]' in said
    assert '"Video 1" to "Video 20"' in said
    assert "Each video is shown as 3 of its frames" in said


def test_a_single_sample_is_named_alone_and_no_frames_are_spoken_of() -> None:
    said = instructions("Judge.", labels=LABELS, count=1, frames=None, noun="Text")

    assert 'Samples: 1, each preceded by its name, "Text 1".' in said
    assert "frames" not in said


def test_samples_are_called_what_they_are() -> None:
    assert {modality: noun(modality) for modality in Modality} == {
        Modality.IMAGE: "Image",
        Modality.TEXT: "Text",
        Modality.VIDEO: "Video",
        Modality.IMAGE_TEXT: "Sample",
        Modality.VIDEO_TEXT: "Sample",
    }


def test_a_reference_names_the_newest_or_one_version() -> None:
    assert parse_reference("default") == ("default", None)
    assert parse_reference("my-own.2@12") == ("my-own.2", 12)


@pytest.mark.parametrize("reference", ["", "@1", "a@", "a@0", "a@1.5", "A", "a@b@1", f"a@{10**9}"])
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(InvalidInput, match="default@1"):
        parse_reference(reference)
