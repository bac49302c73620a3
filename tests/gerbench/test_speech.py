"""What is said in the drawn videos."""

import csv
from pathlib import Path

import pytest

from gerbench.faces import EXPRESSIONS
from gerbench.speech import LINES, MANIFEST, utterances_of, write_utterances


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_has_twelve_situations_and_many_ways_to_tell_them(
    expression: str,
) -> None:
    assert len(set(LINES[expression])) == 12
    assert len(set(utterances_of(expression, 432))) == 432


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_utterance_is_a_sentence_that_does_not_name_its_label(expression: str) -> None:
    for text in utterances_of(expression, 432):
        assert text[0].isupper()
        assert text[-1] in ".!?"
        assert "{" not in text
        assert expression not in text


def test_the_same_seed_says_the_same_whatever_the_number() -> None:
    assert utterances_of("fear", 40)[:15] == utterances_of("fear", 15)
    assert utterances_of("fear", 15) != utterances_of("fear", 15, seed=1)


def test_the_manifest_names_each_clip_with_its_label_and_text(tmp_path: Path) -> None:
    write_utterances(tmp_path, per_class=2)

    with (tmp_path / MANIFEST).open(newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == 14
    assert written[1] == {
        "name": "anger/anger-0001.avi",
        "label": "anger",
        "text": utterances_of("anger", 2)[1],
    }
