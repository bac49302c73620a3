"""Ranking: by the network's outputs, for whatever labels are offered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerbench.endpoint.emotions import NEUTRAL, OUTPUTS, order
from gerbench.endpoint.network import NotAnImage, rank, rank_frames
from gerbench.endpoint.words import feelings_of

HAPPY = (0.0, 0.0, 0.0, 0.8, 0.0, 0.1, 0.1)
SHARES = st.tuples(*[st.floats(0, 1, allow_nan=False) for _ in OUTPUTS])


@pytest.mark.parametrize(
    ("labels", "ranked"),
    [
        (["Sadness", "Joy", "Surprised"], ["Joy", "Surprised", "Sadness"]),
        (["negative", "neutral", "positive"], ["positive", "neutral", "negative"]),
        (
            ["strongly negative", "weakly positive", "strongly positive"],
            ["strongly positive", "weakly positive", "strongly negative"],
        ),
        (["xyzzy", "anger", "happy", "plugh"], ["happy", "anger", "xyzzy", "plugh"]),
    ],
)
def test_labels_are_ranked_by_what_they_mean(labels: list[str], ranked: list[str]) -> None:
    assert order(HAPPY, labels) == ranked


@given(
    SHARES,
    st.lists(st.sampled_from(["fear", "awe", "??", "sad", "Contempt", "other"]), unique=True),
)
def test_every_label_is_ranked_once(shares: tuple[float, ...], labels: list[str]) -> None:
    assert sorted(order(shares, labels)) == sorted(labels)


def test_the_network_gives_the_same_answer_again(faces: list[bytes]) -> None:
    first = [rank(face, OUTPUTS) for face in faces]

    assert first == [rank(face, OUTPUTS) for face in faces]
    assert rank_frames([faces[0]] * 3, OUTPUTS) == first[0]


def test_the_network_tells_expressions_apart(faces: list[bytes]) -> None:
    assert len({rank(face, OUTPUTS)[0] for face in faces}) > 3


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff"])
def test_bytes_that_are_no_picture_are_told(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        rank(data, OUTPUTS)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("I love this, it is wonderful", "positive"),
        ("This is not good at all", "negative"),
        ("What a horrible, disgusting place", "negative"),
        ("not bad", "positive"),
        ("No. I love it", "positive"),
        ("I don\u2019t like rain but love you :)", "positive"),
        ("so sad :(", "negative"),
    ],
)
def test_texts_are_scored_with_negation(text: str, first: str) -> None:
    said = feelings_of(text)

    assert said is not None
    assert order(said, ["positive", "negative"])[0] == first


def test_a_text_without_feeling_says_nothing() -> None:
    assert feelings_of("The train leaves at nine.") is None
    assert order(NEUTRAL, ["positive", "negative", "neutral"])[0] == "neutral"
