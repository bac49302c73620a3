"""Reads answers out of decoded JSON, in the shapes that models give it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeGuard

from core.rules.parsing.literals import Pairs, Value
from core.rules.parsing.matching import Labels, Names, fold
from core.rules.readings import Answer


@dataclass(frozen=True)
class Claim:
    """That a text says this answer of the sample with this name; None: it names none."""

    name: str | None
    answer: Answer


@dataclass(frozen=True)
class Book:
    """What a request asked about and offered."""

    names: Names
    labels: Labels

    @property
    def single(self) -> bool:
        """Tell whether there is one sample, so that an answer needs no name."""
        return len(self.names.asked) == 1


MAX_KEY = 60
"""Characters of a key that may announce anything."""

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_KIND_KEYS = ("image", "video", "sample", "item", "picture", "photo", "clip", "text")
_NAME_KEYS: tuple[str, ...] = (
    "name",
    *(f"{kind} {word}" for kind in _KIND_KEYS for word in ("name", "label", "id", "number", "no")),
    *_KIND_KEYS,
    *("file name", "filename", "file", "id", "number", "no", "index", "idx", "slot", "key"),
)
"""Keys of a sample's name, the more certain first; compared folded."""

_RESULT_WORDS = frozenset(
    {"result", "label", "emotion", "sentiment", "ranking", "prediction", "answer", "class"}
    | {"category", "expression", "feeling", "output", "response", "classification"}
    | {"polarity", "mood"}
)
_RESULT_MODIFIERS = frozenset(
    {"predicted", "ranked", "top", "primary", "main", "dominant", "final", "sorted", "ordered"}
    | {"order", "list", "facial", "best", "most", "likely", "the", "of", "name"}
    | {"image", "video", "text", "sample"}
)
_SCORE_KEYS = frozenset({"score", "confidence", "probability", "prob", "likelihood", "weight"})
_RANK_KEYS = frozenset({"rank", "position", "place", "order"})


def agreed(answers: Sequence[Answer]) -> Answer | None:
    """Return the longest of answers that only continue each other; None if they differ."""
    longest = max(answers, key=lambda answer: len(answer.ranked), default=None)
    same = longest and all(longest.ranked[: len(a.ranked)] == a.ranked for a in answers)
    return longest if same else None


def claims(value: Value, book: Book, *, bare: bool = True) -> Iterator[Claim]:
    """Yield what a decoded value says; an answer without a name only where `bare` allows it."""
    if isinstance(value, Pairs):
        yield from _object_claims(value, book, bare=bare)
    elif isinstance(value, list):
        yield from _array_claims(value, book, bare=bare)


def ranking(value: Value, book: Book) -> Answer | None:
    """Return the ranked labels that a value is; None if it cannot only be read as such."""
    if isinstance(value, str):
        return _written(value, book)
    if isinstance(value, Pairs):
        items = value.items
        return _scores(items, book) or _result(items, book) or _numbered(items, book)
    if isinstance(value, list):
        return _listed(value, book)
    if isinstance(value, int) and not isinstance(value, bool):
        return book.labels.rank([str(value)]) if book.labels.spelled(str(value)) else None
    return None


def is_result_key(key: str) -> bool:
    """Tell whether a key announces labels: `Predicted emotions`, `result`."""
    return len(key) <= MAX_KEY and _announces_labels(key)


@lru_cache(1024)
def _announces_labels(key: str) -> bool:
    words = [_singular(word) for word in _key(key).split()]
    known = all(word in _RESULT_WORDS or word in _RESULT_MODIFIERS for word in words)
    return known and any(word in _RESULT_WORDS for word in words)


def _key(key: str) -> str:
    """Return a key folded, `image_id` and `imageId` alike; nothing of one that is too long."""
    return fold(_CAMEL.sub(" ", key)) if len(key) <= MAX_KEY else ""


def _array_claims(values: list[Value], book: Book, *, bare: bool) -> Iterator[Claim]:
    pair = _named_pair(values, book)
    if pair is not None:
        yield pair
        return
    named = [claim for value in values for claim in claims(value, book, bare=False)]
    if named:
        yield from named
    elif bare and (answer := _listed(values, book)):
        yield Claim(None, answer)


def _named_pair(values: list[Value], book: Book) -> Claim | None:
    """Read `["Image 1", ["happy", "sad"]]`."""
    match values:
        case [str(name), (str() | list() | Pairs()) as said] if (
            book.names.explicit(name) is not None and book.labels.spelled(name) is None
        ):
            answer = ranking(said, book)
            return Claim(name, answer) if answer else None
    return None


def _object_claims(value: Pairs, book: Book, *, bare: bool) -> Iterator[Claim]:
    answer = _scores(value.items, book)
    if answer is None and (keyed := [p for p in value.items if book.names.speaks_of(p[0])]):
        yield from _keyed_claims(keyed, book, bare=bare)
        return
    key, name = _name(value.items, book)
    rest = tuple(pair for pair in value.items if pair[0] != key)
    if key is not None and len(rest) < len(value.items) - 1:
        return  # named twice
    answer = answer or _scores(rest, book) or _result(rest, book)
    if name is not None and book.names.speaks_of(name):
        if answer:
            yield Claim(name, answer)
        return
    # What has no name of a sample may hold those that have.
    inner = [claim for _, held in rest for claim in claims(held, book, bare=False)]
    if inner:
        yield from inner
    elif answer and (bare or name is not None):
        yield Claim(name, answer)


def _keyed_claims(keyed: Sequence[tuple[str, Value]], book: Book, *, bare: bool) -> Iterator[Claim]:
    """Read `{"Image 1": ["happy"], "Image 2": ["sad"]}`; of one sample, `{"1": "happy", ...}`."""
    if book.single and len(keyed) > 1 and all(book.names.is_number(key) for key, _ in keyed):
        if bare and (answer := _numbered(keyed, book)):
            yield Claim(None, answer)
        return
    for key, value in keyed:
        if answer := ranking(value, book):
            yield Claim(key, answer)


def _numbered(items: Sequence[tuple[str, Value]], book: Book) -> Answer | None:
    """Read `{"1": "happy", "2": "sad"}` as a ranking."""
    if [key.strip() for key, _ in items] != [str(n) for n in range(1, len(items) + 1)]:
        return None
    read = [ranking(value, book) for _, value in items]
    labels = [answer.label for answer in read if answer and len(answer.ranked) == 1]
    return book.labels.rank(labels) if len(labels) == len(items) else None


def _name(items: Sequence[tuple[str, Value]], book: Book) -> tuple[str | None, str | None]:
    """Return the key and the value of what names the sample; Nones when nothing does."""
    by_key: Mapping[str, tuple[str, str]] = {
        _key(key): (key, str(value))
        for key, value in reversed(items)
        if isinstance(value, str | int) and not isinstance(value, bool)
    }
    for name_key in _NAME_KEYS:
        if name_key not in by_key:
            continue
        key, name = by_key[name_key]
        if book.names.slot(name) is None and book.labels.spelled(name) is not None:
            continue  # {"name": "happy", "score": 0.9}: a label
        if name_key == "name" or book.names.speaks_of(name):
            return key, name
    for key, name in by_key.values():
        if book.names.explicit(name) is not None and book.labels.spelled(name) is None:
            return key, name
    return None, None


def _result(items: Sequence[tuple[str, Value]], book: Book) -> Answer | None:
    """Return the answer under the keys for one, if they agree on the first label."""
    found = [
        answer for key, value in items if is_result_key(key) and (answer := ranking(value, book))
    ]
    found = [answer for answer in found if answer.in_vocabulary] or found
    if len({answer.label for answer in found}) != 1:
        return None
    return max(found, key=lambda answer: len(answer.ranked))


def _scores(items: Sequence[tuple[str, Value]], book: Book) -> Answer | None:
    """Read `{"happy": 0.8, "sad": 0.2}`."""
    scored = [(key, _float(value)) for key, value in items]
    if not scored or any(book.labels.spelled(key) is None for key, _ in scored):
        return None
    return _by_score([(key, score) for key, score in scored if score is not None], scored, book)


def _by_score(
    known: Sequence[tuple[str, float]], all_of: Sequence[object], book: Book
) -> Answer | None:
    """Return the labels by score, highest first; None where a score or a clear first is missing."""
    if len(known) != len(all_of):
        return None
    ordered = sorted(known, key=lambda pair: -pair[1])
    descending = [score for _, score in known] == [score for _, score in ordered]
    if not descending and ordered[0][1] == ordered[1][1]:
        return None
    return book.labels.rank(label for label, _ in ordered)


def _listed(values: list[Value], book: Book) -> Answer | None:
    if len(values) == 1:
        return ranking(values[0], book)
    if any(isinstance(value, list | Pairs) for value in values):
        return _labelled(values, book)
    items = [value for value in values if isinstance(value, str) or book.labels.spelled(str(value))]
    return book.labels.rank(map(str, items))


def _labelled(values: list[Value], book: Book) -> Answer | None:
    """Read `[{"label": "happy", "score": 0.8}, ...]`, with scores, ranks or neither."""
    read = [_label_of(value, book) for value in values]
    if not _complete(read):
        return None
    ranks = [(label, -rank) for label, rank, _ in read if rank is not None]
    if len(ranks) == len(read) and len({rank for _, rank in ranks}) == len(ranks):
        return _by_score(ranks, read, book)
    scores = [(label, score) for label, _, score in read if score is not None]
    if scores:
        return _by_score(scores, read, book)
    return book.labels.rank(label for label, _, _ in read)


_Labelled = tuple[str, float | None, float | None]


def _complete(read: Sequence[_Labelled | None]) -> TypeGuard[Sequence[_Labelled]]:
    return None not in read


def _label_of(value: Value, book: Book) -> _Labelled | None:
    """Return the one label of a list's element, its rank and its score."""
    match value:
        case str(label):
            return label, None, None
        case [str(label), int() | float() as score] | Pairs(
            items=((str(label), float() as score),)
        ):
            return label, None, float(score)
        case Pairs(items=items):
            return _label_in(items, book)
    return None


def _label_in(items: Sequence[tuple[str, Value]], book: Book) -> _Labelled | None:
    by_key = {_key(key): value for key, value in items}
    name = by_key.get("name")
    found = _result(items, book)
    if found is None and isinstance(name, str) and book.names.slot(name) is None:
        found = book.labels.rank([name])
    if found is None or len(found.ranked) != 1:
        return None
    rank = next((_float(v) for k, v in by_key.items() if k in _RANK_KEYS), None)
    score = next((_float(v) for k, v in by_key.items() if k in _SCORE_KEYS), None)
    return found.label, rank, score


def _written(text: str, book: Book) -> Answer | None:
    """Read a string: one label, or several with separators, if at least one of them is known."""
    items = book.labels.split(text)
    if len(items) > 1 and not any(book.labels.item(item) for item in items):
        items = [text]
    return book.labels.rank(items)


def _float(value: Value) -> float | None:
    if isinstance(value, str):
        number = value.strip().removesuffix("%")
        short = len(number) <= len("0.1234567890123456789")
        return float(number) if short and number.replace(".", "", 1).isdecimal() else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < float("inf") else None
    return None


def _singular(word: str) -> str:
    for ending, singular in (("ies", "y"), ("classes", "class"), ("s", "")):
        if word.endswith(ending) and word != "class":
            return word.removesuffix(ending) + singular
    return word
