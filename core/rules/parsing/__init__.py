"""Reads a model's answer: which labels it gives, best first, to which sample.

Never a guess: an answer is read when only one reading is possible, and aligned by the name that
it echoes. What is left out can be asked about again; what is misread never comes to light.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from core.rules.parsing import lines, literals, values
from core.rules.parsing.matching import MAX_NAME, Labels, Names, clean
from core.rules.parsing.refusals import is_refusal_prose, spoken
from core.rules.parsing.values import Book, Claim, agreed
from core.rules.readings import Answer, Parsed

__all__ = ["VERSION", "is_refusal_prose", "parse"]

VERSION = 1
"""Of the rules of this package: raised whenever they may read a text in another way."""

MAX_TEXT = 1_000_000
"""Characters; no model that was asked for labels answers more."""

_INSIDE = re.compile(r"(?:[\"'][ \t]*:|[\]}\"'0-9]\s{0,9},|[\[{])\s*$")
"""What stands before a value that is part of a broken one around it."""
_LINE_START = re.compile(r"[^\n]*$")
_LEAD = 200
_AROUND = 10_000


def parse(text: str, *, names: Sequence[str], labels: Sequence[str]) -> Parsed:
    """Read what `text` says of the samples called `names`, in the words of `labels`.

    Reads JSON and Python-style literals of any likely shape, among prose and fences, and else
    named lines, numbered lists and lone labels. Spelling is folded, meaning is not. An answer
    without a name counts only when one sample was asked about; two that contradict each other
    leave their sample out. Never raises; takes time linear in the text.
    """
    book = _book(tuple(names), tuple(labels))
    text = spoken(text)
    if not text.strip():
        return Parsed({}, problem="the answer is empty")
    if len(text) > MAX_TEXT:
        return Parsed({}, problem=f"the answer is longer than {MAX_TEXT} characters")
    found = list(literals.find(text))
    said = list(_from_values(text, found, book))
    if not any(claim.name for claim in said):
        said += list(lines.claims(_without(text, found), book))
    return _merge(said, book)


@lru_cache(256)
def _book(names: tuple[str, ...], labels: tuple[str, ...]) -> Book:
    """Return what may be echoed; the requests of a run ask for the same."""
    return Book(Names(names), Labels(labels))


def _from_values(text: str, found: Sequence[literals.Found], book: Book) -> Iterator[Claim]:
    around = book.labels.mentions(_without(text, found)[:_AROUND]) if book.single else set()
    end = 0
    for value in found:
        lead = text[max(end, value.start - _LEAD) : value.start]
        end = value.end
        for claim in _from_value(value.value, lead, book):
            # An array beside talk of other labels may list what there is to choose from.
            offered = isinstance(value.value, list) and not around <= {claim.answer.label}
            if claim.name is not None or not offered:
                yield claim


def _from_value(value: literals.Value, lead: str, book: Book) -> Iterator[Claim]:
    if isinstance(value, list) and (written := [v for v in value if isinstance(v, str)]):
        named = "\n".join(written)
        if len(written) == len(value) and lines.has_names(named, book):
            yield from lines.claims(named, book)
            return
    said = list(values.claims(value, book, bare=_INSIDE.search(lead) is None))
    name = _announced(lead, book)
    if name is None or any(claim.name for claim in said):
        yield from said
    elif answer := values.ranking(value, book):
        yield Claim(name, answer)


def _announced(lead: str, book: Book) -> str | None:
    """Return the name before a value on its line, as in `Image 1: ["happy"]`."""
    match = _LINE_START.search(lead)
    name = match.group().strip(" \t:=-*_`\"'#>|,;.)([{") if match else ""
    return name if name and book.names.speaks_of(name) else None


def _without(text: str, found: Sequence[literals.Found]) -> str:
    """Return the text around values that said nothing, for the lines between them."""
    parts, end = [], 0
    for value in found:
        parts.append(text[end : value.start])
        end = value.end
    return "\n".join([*parts, text[end:]])


def _merge(said: Sequence[Claim], book: Book) -> Parsed:
    """Give each slot its one answer; leave out slots of which two different things are said."""
    surplus: dict[str, None] = {}
    by_slot: dict[int, list[Answer]] = defaultdict(list)
    unnamed = [claim.answer for claim in said if claim.name is None]
    trusted = _counts_from_one(said, book)
    for claim in said:
        if claim.name is None:
            continue
        slot = book.names.slot(claim.name)
        if slot is None:
            surplus[clean(claim.name[:MAX_NAME])] = None
        elif trusted or not book.names.is_number(claim.name):
            by_slot[slot].append(claim.answer)
    if book.single and unnamed and not by_slot and not surplus:
        by_slot[0] = unnamed
    answers = {slot: one for slot, given in sorted(by_slot.items()) if (one := agreed(given))}
    problem = None if answers else _problem(said, by_slot, book)
    return Parsed(answers, tuple(surplus), problem)


def _counts_from_one(said: Sequence[Claim], book: Book) -> bool:
    """Tell whether bare numbers can be names: not from 0, nor several for one sample."""
    numbers = {c.name.strip() for c in said if c.name and book.names.is_number(c.name)}
    from_zero = any(not number.strip("0 #.") for number in numbers)
    return not from_zero and not (book.single and len(numbers) > 1)


def _problem(said: Sequence[Claim], by_slot: dict[int, list[Answer]], book: Book) -> str:
    if not said:
        return "no labels can be read with certainty"
    if by_slot or (book.single and all(claim.name is None for claim in said)):
        return "the answer contradicts itself"
    if any(claim.name is not None for claim in said):
        return "the answer names no sample that was asked about"
    return "the answer does not say which sample each label belongs to"
