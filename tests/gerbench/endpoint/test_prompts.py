"""What is read from a chat request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerbench.endpoint.prompts import offered
from gerbench.endpoint.tokens import of_size
from gerbench.endpoint.wires.openai_chat import read


@pytest.mark.parametrize(
    ("instructions", "labels"),
    [
        (
            "Classify.\nLabels: anger, Happy, none of these\nAnswer.",
            ("anger", "Happy", "none of these"),
        ),
        ('Labels: ["a, b", "c"]', ("a, b", "c")),
        ("Here are the optional categories: [happy, sad].", ("happy", "sad")),
        ("Choose one of: ['Anger', 'Fear']", ("Anger", "Fear")),
        ("Is this face happy or sad?", ("happy", "sad")),
        (
            "**Labels:** positive, weakly positive, negative.",
            ("positive", "weakly positive", "negative"),
        ),
        (
            "Hello",
            ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
        ),
    ],
)
def test_offered_labels_are_found(instructions: str, labels: tuple[str, ...]) -> None:
    assert offered(instructions) == labels


@given(
    st.lists(
        st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12),
        min_size=2,
        max_size=12,
        unique=True,
    )
)
def test_a_label_line_is_read_back(labels: list[str]) -> None:
    assert offered(f"Look.\nLabels: {', '.join(labels)}\nThen answer.") == tuple(labels)


def test_a_message_of_plain_text_is_cut_where_samples_begin() -> None:
    content = "Labels: positive, negative\nText 1: I love it\nText 2\nso bad\nreally bad"
    ask = read(
        json.dumps(
            {"model": "m", "messages": [{"role": "user", "content": content}], "max_tokens": 9}
        ).encode()
    )

    assert [(sample.name, sample.text) for sample in ask.samples] == [
        ("Text 1", "I love it"),
        ("Text 2", "so bad\nreally bad"),
    ]
    assert (ask.labels, ask.max_tokens) == (("positive", "negative"), 9)


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((512, 512), 255), ((1024, 1024), 765), ((2048, 4096), 1105), ((160, 160), 255)],
)
def test_image_tokens_in_high_detail(size: tuple[int, int], tokens: int) -> None:
    assert of_size(*size) == tokens
