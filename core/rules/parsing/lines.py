"""Reads answers out of plain text: named lines, numbered lists, lone labels."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from core.rules.parsing.matching import EXTENSIONS, KINDS, fold
from core.rules.parsing.values import Book, Claim, agreed, is_result_key
from core.rules.readings import Answer

MAX_LINES = 300
MAX_BLOCK = 30
"""Lines after a name that may be its answer."""
MAX_BLOCKS = 200
"""Names in a text; of a large request, four for each sample."""
MAX_PARTS = 64
"""Labels in one line; of a large label list, all of them."""
MAX_LINE = 300
"""Characters of a line that may be an answer; longer ones are prose."""
MAX_PROSE = 400
"""Characters of a text that may state its one label in a sentence."""
MAX_HEADS = 3
"""Places in a line where a label may end and its explanation begin."""
MAX_STRAY_WORDS = 3
"""Words of a label that the dataset does not know, in plain text."""

_HEDGES = frozenset(
    {"not", "no", "nor", "neither", "never", "none", "without", "cannot", "cant", "dont", "wont"}
    | {"doesnt", "isnt", "arent", "didnt", "couldnt", "wouldnt", "shouldnt", "wasnt", "hardly"}
    | {"unable", "unclear", "unsure", "uncertain", "whether", "or", "either", "maybe", "perhaps"}
    | {"might", "may", "could", "would", "should", "if", "unless", "although", "though", "but"}
    | {"sorry", "apologize", "decline", "refuse", "difficult", "hard", "impossible", "possibly"}
    | {"instead", "rather", "than", "versus", "vs", "lack", "lacks", "absence", "except", "unlike"}
    | {"between", "ambiguous", "barely", "possible", "example", "wrong", "incorrect", "stop", "far"}
)
"""Words beside which a label may be mentioned and not meant."""

_CUE = (
    r"(?:emotions?|expressions?|labels?|answers?|sentiments?|feelings?|moods?|class|category"
    r"|predictions?|classification|result)"
)
_LEAD = (
    r"(?:a|an|the|clearly|to be|most|likely|primarily|mainly|predominantly|best|described|labell?ed"
    r"|classified|categori[sz]ed|as|of|one|is|be|emotion|expression|label|very|overall)"
)
_STATED = re.compile(
    rf"(?:\b{_CUE}(?: \w+){{0,8}}? (?:is|as)|\b{_CUE}"
    r"|\b(?:looks|appears|seems|feels|looking|feeling|expresses|expressing|conveys|conveying"
    r"|displays|displaying|shows|showing|suggests|suggesting|indicates|indicating|is|its))"
    rf"(?: {_LEAD}){{0,6}}$"
)
"""The words right before a label that make a sentence state it."""

_CLAUSE = re.compile(r"[.!?;,\n]")
_REASONS = frozenset({"because", "since", "as", "with", "based", "given", "emotion", "expression"})
"""Words that may follow a stated label."""

_BULLET = re.compile(r"^[\s>]*(?:[-*+\u2022\u00b7\u2013]\s+|\(?([0-9]{1,4})\s*[.)](?!\d)\s*)")
_NUMBERED = re.compile(r"^[\s>*_#(`-]*([0-9]{1,4})\s*[*_`]*(?:[.):|][*_`]*\s*|\s*-\s+)(?=\S)")
_INLINE = re.compile(r"(?:^|(?<=\s))(?=\(?[0-9]{1,3}[.)]\s)")
_KEYED = re.compile(r"^[\W_]{0,8}([A-Za-z][A-Za-z _-]{0,40}?)[\"'*_` ]{0,6}[:=]\s*(.*)$")
_LATER = re.compile(rf"\b{_CUE}[\"'*_` ]{{0,6}}[:=]\s*(.*)$", re.IGNORECASE)
_PARTS = re.compile("(?<![-=])[-=]++>|[,;>|\u2192\u00bb]")
_CELLS = re.compile(r"[,;\t]")
_HEAD = re.compile("\\s[-\u2013\u2014]+\\s|[,.:;(\u2014]")
_SHARE = re.compile(r"^[\s(]*[0-9]*\.?[0-9]+\s*%?[\s)]*$")
_RESIDUE = re.compile(r"(?:^|(?<=\s))\(?[0-9]{1,4}[.):]?\s*\W*$")
_EDGES = " \t\r*_`\"'\u201c\u201d\u2018\u2019()[]{}<>#.!?:;,|~-\u2022\u2013\u2014"
_TAIL = 30


def claims(text: str, book: Book) -> Iterator[Claim]:
    """Yield what plain text says. Lines without a name count only where one sample was asked."""
    marks = _marks(text, book)
    if marks:
        if len(marks) > max(MAX_BLOCKS, 4 * len(book.names.asked)):
            return
        ends = [*(mark.start() for mark in marks[1:]), len(text)]
        for mark, end in zip(marks, ends, strict=True):
            if answer := _block(text[mark.end() : end], book):
                yield Claim(mark.group(1), answer)
        return
    lines = [line for line in text.split("\n") if line.strip() and not _is_fence(line)]
    if len(lines) == 1 and _BULLET.match(lines[0]):
        lines = [part for part in _INLINE.split(lines[0]) if part.strip()]
    if len(lines) > MAX_LINES:
        return
    if rows := list(_rows(lines, book)):
        yield from rows
    elif not book.single:
        yield from _numbered(lines, book)
    elif answer := _alone(lines, book):
        yield Claim(None, answer)


def has_names(text: str, book: Book) -> bool:
    """Tell whether a text announces an answer by a sample's name, as `Image 1: ...` does."""
    return bool(_marks(text, book))


def _marks(text: str, book: Book) -> list[re.Match[str]]:
    """Return the names in a text that have a separator after them, or a line of their own."""
    kinds = "|".join(KINDS)
    extensions = "|".join(EXTENSIONS)
    generic = rf"(?:{kinds})[ \t_#.-]{{0,3}}[0-9]{{1,6}}(?:\.(?:{extensions}))?"
    special = [
        re.escape(n) for n in book.names.asked if not re.fullmatch(generic, n, re.IGNORECASE)
    ]
    names = "|".join([*special, generic])
    closers = r"[\"'*_`)\]\u201d]{0,6}[ \t]{0,8}"
    pattern = re.compile(
        rf"(?<![\w.])({names})(?!\w){closers}"
        rf"(?:([:=|\u2013\u2014\u2192>]|-+>|-[ \t]|\.[ \t])|$){closers}",
        re.IGNORECASE | re.MULTILINE,
    )
    return [m for m in pattern.finditer(text) if m.group(2) or _starts_line(text, m.start())]


def _starts_line(text: str, at: int) -> bool:
    before = text[max(0, at - _TAIL) : at].rpartition("\n")[2]
    return not before.strip(_EDGES + "0123456789")


def _block(text: str, book: Book) -> Answer | None:
    """Read what follows a name, up to the next name."""
    body = text[:-_TAIL] + _RESIDUE.sub("", text[-_TAIL:])
    lines = [line for line in body.split("\n", MAX_BLOCK)[:MAX_BLOCK] if line.strip(_EDGES)]
    if not lines:
        return None
    if _line(lines[0], book) and text.split("\n", 1)[0].strip(_EDGES):
        return _first(lines, book)
    keyed = _keyed(lines, book)
    if keyed:
        return agreed(keyed)
    return _list(lines, book) or _first(lines, book) or _stated(lines[0], book)


def _rows(lines: Sequence[str], book: Book) -> Iterator[Claim]:
    """Read `Image 1,happy,sad`: a comma is no separator that a name needs, so all must be known."""
    for line in lines:
        if len(line) > MAX_LINE:
            continue
        name, *cells = (cell.strip(_EDGES) for cell in _CELLS.split(line))
        said = [cell for cell in cells if cell and not _SHARE.match(cell)]
        named = book.names.speaks_of(name) and not book.names.is_number(name)
        known = said and all(book.labels.item(cell) for cell in said)
        if named and known and (answer := book.labels.rank(said)):
            yield Claim(name, answer)


def _numbered(lines: Sequence[str], book: Book) -> Iterator[Claim]:
    """Read `3. happy, sad` as the answer for the third sample.

    A number that no sample has makes all of them doubtful: something was counted twice.
    """
    found = [
        (mark.group(1), line[mark.end() :]) for line in lines if (mark := _NUMBERED.match(line))
    ]
    if all(book.names.slot(number) is not None for number, _ in found):
        for number, rest in found:
            if answer := _line(rest, book):
                yield Claim(number, answer)


def _alone(lines: Sequence[str], book: Book) -> Answer | None:
    """Read the answer of a request that asked about one sample."""
    if keyed := _keyed(lines, book):
        return agreed(keyed)
    start = next((n for n, line in enumerate(lines) if _line(_unbulleted(line), book)), None)
    if start is None:
        return _stated("\n".join(lines), book)
    mark = _BULLET.match(lines[start])
    other = mark is not None and mark.group(1) not in {None, "1"}
    if other or any(_is_hedged(line) for line in lines[:start]):
        return None
    return _list(lines[start:], book) or _first(lines[start:], book)


def _list(lines: Sequence[str], book: Book) -> Answer | None:
    """Read one label a line, the lines all numbered from 1, all with bullets, or all bare.

    Among numbers or bullets, lines without may be prose, but no answers.
    """
    marks = [_BULLET.match(line) for line in lines]
    listed = [line for line, mark in zip(lines, marks, strict=True) if mark] or lines
    numbers = [mark.group(1) for mark in marks if mark]
    if any(numbers) and numbers != [str(n + 1) for n in range(len(numbers))]:
        return None
    if any(_line(line, book) for line in lines if line not in listed):
        return None
    bodies = [_unbulleted(line) for line in listed]
    answers = [_line(body, book) for body in bodies]
    if any(answer and len(answer.ranked) > 1 for answer in answers):
        return None
    labels = [
        answer.label if answer else body.strip(_EDGES)
        for body, answer in zip(bodies, answers, strict=True)
    ]
    if all(answers):
        return book.labels.rank(labels)
    return _ranked(labels, book) if any(marks) else None


def _first(lines: Sequence[str], book: Book) -> Answer | None:
    """Return the answer in the first line, unless a later one gives another."""
    read = [_line(_unbulleted(line), book) for line in lines]
    return agreed([answer for answer in read if answer]) if read[0] else None


def _line(text: str, book: Book) -> Answer | None:
    """Read one line as a ranking, or as a label and an explanation."""
    if len(text) > MAX_LINE or text.strip()[:1] in _open_quotes(text):
        return None
    if (keyed := _KEYED.match(text)) and is_result_key(keyed.group(1)):
        text = keyed.group(2)
    known = book.labels.item(text.strip()) or book.labels.item(text.strip(_EDGES))
    if known is not None:
        return book.labels.rank([known])
    parts = [p.strip(_EDGES) for p in _PARTS.split(text)]
    return _ranked([p for p in parts if p and not _SHARE.match(p)], book) or _explained(text, book)


def _ranked(parts: Sequence[str], book: Book) -> Answer | None:
    """Read the parts of a line, most of them labels, as a ranking."""
    if not 1 < len(parts) <= max(MAX_PARTS, len(book.labels)):
        return None
    known = [book.labels.item(part) is not None for part in parts]
    stray = [part for part, is_known in zip(parts, known, strict=True) if not is_known]
    if len(stray) > sum(known):
        return None
    if not known[0] and (len(stray) > 1 or len(parts) <= len(("stray", "known"))):
        return None
    return None if any(_is_prose(part, book) for part in stray) else book.labels.rank(parts)


def _is_prose(part: str, book: Book) -> bool:
    """Tell whether a part of a list is more than a label that the dataset does not know."""
    talk = len(part.split()) > MAX_STRAY_WORDS or ":" in part or "=" in part
    return talk or _is_hedged(part) or bool(book.labels.mentions(part))


def _explained(text: str, book: Book) -> Answer | None:
    """Read `Happy - she smiles`, where the explanation takes nothing back."""
    for separator in islice(_HEAD.finditer(text), MAX_HEADS):
        head = book.labels.item(text[: separator.start()].strip(_EDGES))
        rest = text[separator.end() :]
        if head is not None:
            certain = not _is_hedged(rest) and book.labels.mentions(rest) <= {head}
            return book.labels.rank([head]) if certain else None
    return None


def _stated(text: str, book: Book) -> Answer | None:
    """Read a short text that states the one label it mentions, as in `The emotion is: Happy`."""
    if len(text) > MAX_PROSE or "{" in text or "[" in text or _is_hedged(text):
        return None
    mentioned = book.labels.mentions(text)
    if len(mentioned) != 1:
        return None
    label = mentioned.pop()
    for clause in _CLAUSE.split(text):
        before, found, after = f" {fold(clause)} ".partition(f" {fold(label)} ")
        ends = not after.strip() or after.split()[0] in _REASONS
        if found and ends and _STATED.search(before):
            return book.labels.rank([label])
    return None


def _unbulleted(line: str) -> str:
    mark = _BULLET.match(line)
    return line[mark.end() :] if mark else line


def _keyed(lines: Sequence[str], book: Book) -> list[Answer]:
    """Return the answers of the lines that announce one, as `Emotion: happy` does.

    With one that is announced further on in a line: it may take back what was said before.
    """
    announced, inside = [], []
    for line in map(_unbulleted, lines):
        key = _KEYED.match(line[:MAX_LINE])
        if key and is_result_key(key.group(1)):
            announced.append(_line(line, book))
        elif later := _LATER.search(line[:MAX_LINE]):
            inside.append(_line(later.group(1), book))
    read = [answer for answer in announced if answer]
    return read + [answer for answer in inside if answer] if read else []


def _is_hedged(text: str) -> bool:
    return not _HEDGES.isdisjoint(fold(text).split())


def _is_fence(line: str) -> bool:
    return line.strip().startswith("```")


def _open_quotes(text: str) -> tuple[str, ...]:
    """Return the quotes that a text opens and does not close: it was cut off."""
    return tuple(quote for quote in "\"'" if text.count(quote) == 1)
