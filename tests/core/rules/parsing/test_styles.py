"""Whatever a model means to say is read back exactly, in every style that it may say it in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.parsing import parse
from tests.core.rules.parsing.styles import STYLES, Assignment, Style

LABELS = ("happy", "sad", "neutral", "weakly positive", "anger")
MANY = 20


@st.composite
def assignments(draw: st.DrawFn) -> tuple[list[str], Assignment]:
    """Names of a request, and ranked labels of some of them in some order."""
    kind = draw(st.sampled_from(["Image", "Video", "Text", "Sample"]))
    names = [f"{kind} {n + 1}" for n in range(draw(st.integers(1, MANY)))]
    ranking = st.permutations(LABELS).flatmap(
        lambda labels: st.integers(1, len(labels)).map(lambda n: list(labels[:n]))
    )
    said = draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    return names, {name: draw(ranking) for name in said}


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
@given(case=assignments())
def test_every_ranked_assignment_is_read_back_from_every_style(
    style: Style, case: tuple[list[str], Assignment]
) -> None:
    names, said = case

    parsed = parse(style(said), names=names, labels=LABELS)

    assert {names[slot]: list(answer.ranked) for slot, answer in parsed.answers.items()} == said
    assert not any(answer.unknown for answer in parsed.answers.values())
    assert parsed.surplus == ()
    assert parsed.problem is None
