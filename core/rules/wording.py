"""What one text says otherwise than another: by lines and, where these changed, by words."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

LINE = re.compile(r"[^\n]*\n|[^\n]+")
WORD = re.compile(r"\w+|\s+|[^\w\s]")
MOST_WORDS = 1_000
"""Of lines that changed, on either side: longer ones are told whole, so that no text takes long."""


class Change(StrEnum):
    """What became of a piece of text."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True)
class Piece:
    """A piece of text that stayed, went or came."""

    change: Change
    text: str


def changes(before: str, after: str) -> list[Piece]:
    """Return the pieces of two texts in reading order.

    Those that are not added make up the one before, those that are not removed the one after.
    """
    return list(_joined(_by_line(LINE.findall(before), LINE.findall(after))))


def _by_line(before: Sequence[str], after: Sequence[str]) -> Iterator[Piece]:
    yield from _compared(before, after, _by_word)


def _by_word(removed: str, added: str) -> Iterator[Piece]:
    old, new = WORD.findall(removed), WORD.findall(added)
    if not old or not new or max(len(old), len(new)) > MOST_WORDS:
        return _whole(removed, added)
    return _compared(old, new, _whole)


def _whole(removed: str, added: str) -> Iterator[Piece]:
    yield Piece(Change.REMOVED, removed)
    yield Piece(Change.ADDED, added)


def _compared(
    before: Sequence[str], after: Sequence[str], within: Callable[[str, str], Iterator[Piece]]
) -> Iterator[Piece]:
    """Yield what stayed, and of what did not whatever `within` makes of it."""
    matcher = SequenceMatcher(None, before, after)
    for kind, low, high, start, end in matcher.get_opcodes():
        removed, added = "".join(before[low:high]), "".join(after[start:end])
        if kind == "equal":
            yield Piece(Change.SAME, removed)
        else:
            yield from within(removed, added)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield pieces without empty ones, neighbours of one kind as one."""
    last: Piece | None = None
    for piece in pieces:
        if not piece.text:
            continue
        if last is not None and last.change is piece.change:
            last = Piece(last.change, last.text + piece.text)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last
