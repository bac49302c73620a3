"""What one text says otherwise than another, piece by piece."""

import time

from hypothesis import given
from hypothesis import strategies as st

from core.rules.wording import Change, Piece, changes

TEXTS = st.text(alphabet="ab \n{}é.", max_size=60)


def without(pieces: list[Piece], change: Change) -> str:
    return "".join(piece.text for piece in pieces if piece.change is not change)


def test_a_word_that_changed_is_told_and_the_rest_of_its_line_stays() -> None:
    found = changes("Name the emotion.\nRank all.\n", "Name the mood.\nRank all.\n")

    assert found == [
        Piece(Change.SAME, "Name the "),
        Piece(Change.REMOVED, "emotion"),
        Piece(Change.ADDED, "mood"),
        Piece(Change.SAME, ".\nRank all.\n"),
    ]


def test_texts_that_are_alike_are_one_piece_and_none_is_none() -> None:
    assert changes("same", "same") == [Piece(Change.SAME, "same")]
    assert changes("", "") == []
    assert changes("", "new") == [Piece(Change.ADDED, "new")]


@given(TEXTS, TEXTS)
def test_the_pieces_make_up_both_texts(before: str, after: str) -> None:
    found = changes(before, after)

    assert without(found, Change.ADDED) == before
    assert without(found, Change.REMOVED) == after
    assert all(piece.text for piece in found)


def test_the_longest_texts_take_no_time() -> None:
    before, after = ("a b c d " * 2500), ("d c b a " * 2500)
    began = time.process_time()

    changes(before, after)
    changes(before.replace(" ", "\n"), after.replace(" ", "\n"))

    assert time.process_time() - began < 2
