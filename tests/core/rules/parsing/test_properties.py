"""What holds for every answer, however it is written and whatever it says."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.rules.parsing import is_refusal_prose, parse
from core.rules.parsing.literals import MAX_DEPTH

LABELS = ("happy", "sad", "neutral", "weakly positive", "Anger", "N/A", "1", "rock, paper")

Assignment = dict[str, list[str]]

WORDS = "Image 1|Image 2|image_3|1.|2)|happy|sad|not|result|name|```json|emotion| is |null|0|->|**"
PUNCTUATION = tuple(":,[]{}\"'|\\-\n \u2028\x00\ud800")
REFUSAL = "I'm sorry, but I can't assist with that."
FRAGMENTS = st.sampled_from([*WORDS.split("|"), *PUNCTUATION, REFUSAL])
ANY_TEXT = st.one_of(st.text(), st.lists(FRAGMENTS, max_size=40).map("".join))
ANY_LABELS = st.lists(
    st.text(min_size=1, max_size=20).map(str.strip).filter(bool),
    min_size=2,
    max_size=8,
    unique_by=str.casefold,
)
PROSE = st.text(
    alphabet=st.characters(exclude_characters="[]{}", codec="utf-8"), max_size=80
).filter(lambda prose: "think>" not in prose)
"""What may stand around an answer: no tag that would make it a thought (hypothesis tries those)."""


@st.composite
def assignments(draw: st.DrawFn, labels: st.SearchStrategy[list[str]]) -> tuple[Any, ...]:
    """Names, labels, and ranked labels of some of the names in some order."""
    kind = draw(st.sampled_from(["Image", "Video", "Text", "Sample"]))
    names = [f"{kind} {n + 1}" for n in range(draw(st.integers(1, 12)))]
    offered = draw(labels)
    chosen = draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    order = st.permutations(offered).flatmap(
        lambda p: st.integers(1, len(p)).map(lambda n: list(p[:n]))
    )
    return names, offered, {name: draw(order) for name in chosen}


def records(said: Assignment) -> str:
    return json.dumps([{"name": name, "result": ranked} for name, ranked in said.items()])


def by_name(said: Assignment) -> str:
    return json.dumps(said)


def one_a_line(said: Assignment) -> str:
    rows = ({"name": n, "result": [{"label": x} for x in r]} for n, r in said.items())
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def python_dicts(said: Assignment) -> str:
    return repr([{"name": name, "result": ranked} for name, ranked in said.items()])


def envelope(said: Assignment) -> str:
    return json.dumps({"results": [{"image": n, "emotions": r} for n, r in said.items()]}, indent=2)


def named_lines(said: Assignment) -> str:
    return "\n".join(f"- **{name}**: {', '.join(ranked)}" for name, ranked in said.items())


JSON_SHAPES = [records, by_name, one_a_line, envelope]
PLAIN = ("happy", "sad", "neutral", "weakly positive", "anger")


def recovered(text: str, names: list[str], offered: list[str]) -> Assignment:
    parsed = parse(text, names=names, labels=offered)
    assert parsed.surplus == ()
    assert not any(answer.unknown for answer in parsed.answers.values())
    return {names[slot]: list(answer.ranked) for slot, answer in parsed.answers.items()}


@pytest.mark.parametrize("shape", JSON_SHAPES)
@given(case=assignments(ANY_LABELS))
def test_every_ranked_assignment_survives_json(
    shape: Callable[[Assignment], str], case: tuple[Any, ...]
) -> None:
    names, offered, said = case

    assert recovered(shape(said), names, offered) == said


@pytest.mark.parametrize("shape", [*JSON_SHAPES, python_dicts])
@given(case=assignments(st.just(list(LABELS))), before=PROSE, after=PROSE, fenced=st.booleans())
def test_prose_and_fences_around_change_nothing(
    shape: Callable[[Assignment], str],
    case: tuple[Any, ...],
    before: str,
    after: str,
    fenced: bool,
) -> None:
    names, offered, said = case
    body = f"```json\n{shape(said)}\n```" if fenced else shape(said)

    assert recovered(f"{before}\n{body}\n{after}", names, offered) == said


@given(case=assignments(st.just(list(PLAIN))), case_of=st.sampled_from([str.upper, str.title]))
def test_named_lines_in_any_case_are_recovered(
    case: tuple[Any, ...], case_of: Callable[[str], str]
) -> None:
    names, offered, said = case

    assert recovered(case_of(named_lines(said)), names, offered) == said


@given(ANY_TEXT, st.integers(0, 4), ANY_LABELS)
def test_no_text_makes_it_raise_and_every_answer_can_be_stored(
    text: str, samples: int, labels: list[str]
) -> None:
    names = [f"Image {n + 1}" for n in range(samples)]
    assume(all(label.isprintable() for label in labels))

    parsed = parse(text, names=names, labels=labels)

    assert set(parsed.answers) <= set(range(samples))
    assert bool(parsed.problem) == (not parsed.answers)
    for answer in parsed.answers.values():
        assert answer.ranked
        assert len(set(answer.ranked)) == len(answer.ranked)
        assert set(answer.ranked) - answer.unknown <= set(labels)
        assert not answer.unknown & set(labels)
        for label in (*answer.ranked, *parsed.surplus):
            assert 0 < len(label) <= 200
            assert "\x00" not in label
            label.encode()


@given(ANY_TEXT)
def test_what_is_read_is_never_a_refusal(text: str) -> None:
    for samples in (1, 2, 3):
        names = [f"Image {n + 1}" for n in range(samples)]
        parsed = parse(text, names=names, labels=["happy", "sad"])
        assert not (parsed.answers and is_refusal_prose(text))


HUGE = {
    "brackets": "[" * 100_000,
    "objects": '{"a":' * 20_000,
    "objects one after the other": '{"a":1},' * 12_500,
    "objects in each other": ('{"result":' * 9 + "1" + "}" * 9) * 1000,
    "open strings": '["' * 50_000,
    "escapes": '["\\' * 33_000,
    "empty arrays": "[[]" * 33_000,
    "many strings": json.dumps([f"label {n}" for n in range(10_000)]),
    "digits": "[" + "1" * 100_000 + "]",
    "dashes": "-" * 100_000 + ">",
    "blanks": "happy" + " " * 100_000 + "x",
    "names": "image 1:" * 12_500,
    "names and lines": ("image 1:\n" + "a\n" * 40) * 1_100,
    "commas": ("a," * 150 + "\n") * 333,
    "labels": ("happy, " * 40 + "\n") * 400,
    "numbers": "1. a " * 20_000,
    "keys": "emotion " * 12_500,
    "refusals": "i am sorry i " * 8_000,
    "letters": "a" * 100_000,
    "stars": "image 1" + "*" * 100_000,
    "wide letters": "\u0130" * 100_000,
    "quotes": '"' * 99_999,
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE.keys())
@pytest.mark.parametrize("samples", [1, 20])
def test_a_hostile_text_takes_no_time_that_grows_faster_than_it(text: str, samples: int) -> None:
    names = [f"Image {n + 1}" for n in range(samples)]
    began = time.process_time()

    parse(text, names=names, labels=[*LABELS, *(f"label {n}" for n in range(40))])
    is_refusal_prose(text)

    # Linear takes under a second; what grows with the square would take minutes.
    assert time.process_time() - began < 10.0


def test_an_answer_may_be_nested_as_deep_as_any_model_would() -> None:
    inner: Any = {"name": "Image 1", "result": [{"label": "happy"}]}
    for _ in range(MAX_DEPTH - 5):
        inner = {"data": inner}

    parsed = parse(json.dumps([inner]), names=["Image 1"], labels=["happy"])

    assert parsed.answers[0].ranked == ("happy",)


def test_an_answer_longer_than_any_model_gives_is_not_read() -> None:
    parsed = parse("happy " * 200_000, names=["Image 1"], labels=["happy"])

    assert parsed.problem is not None
    assert "longer" in parsed.problem
