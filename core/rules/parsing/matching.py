"""Recognises the names a request asked about and the labels it offered.

Only spelling is folded: case, punctuation, blanks. Meaning never is: "joy" is not "happiness".
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from core.rules.parsing.refusals import is_refusal
from core.rules.readings import Answer

MAX_LABEL = 200
"""Characters kept of a label that the dataset does not know."""
MAX_RANKED = 1000
MAX_NAME = 200

KINDS: Mapping[str, str] = {
    **dict.fromkeys(("image", "img", "picture", "pic", "photo", "photograph"), "image"),
    **dict.fromkeys(("video", "vid", "clip"), "video"),
    **dict.fromkeys(("text", "tweet", "sentence", "post"), "text"),
    **dict.fromkeys(("sample", "item"), "sample"),
}
"""What a sample is called in a name, and what that is short for; `sample` may be any of them."""

EXTENSIONS = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "mp4", "avi", "mov", "mkv", "webm", "txt")
_FILLERS = {"number", "no", "nr", "id", "index", "name"}

NO_ANSWER = frozenset(
    {"n a", "na", "none", "null", "nil", "unknown", "unclear", "unsure", "not sure"}
    | {"not applicable", "undetermined", "indeterminate", "no answer", "not visible"}
    | {"cannot determine", "cannot be determined", "unable to determine", "cant determine"}
)
"""Words that say that there is no answer, where the dataset has no such label."""

_TOKEN = re.compile(r"[0-9]+|[^\W\d_]+")
_NOT_WORD = re.compile(r"[\W_]+")
_APOSTROPHE = re.compile("['\u2019]")
_SEPARATOR = re.compile("(?<![-=])[-=]++>|[,;|\\n>\u2192\u00bb]")
_NUMBERING = re.compile(r"^\s*(?:#\s*)?\(?[0-9]{1,4}[.)]\s*")
_CONFIDENCE = re.compile(
    r"\s*(?:[(\[:=\u2013-]\s*[0-9]{1,3}(?:\.[0-9]{1,20})?\s*%?"
    r"|\s[0-9]{0,3}\.[0-9]{1,20}\s*%?|\s[0-9]{1,3}\s*%)\s*[)\]]?\s*$"
)


def fold(text: str) -> str:
    """Return the words of a text, in one case, without punctuation; `don't` becomes `dont`."""
    plain = unicodedata.normalize("NFKC", _APOSTROPHE.sub("", text)).casefold()
    return _NOT_WORD.sub(" ", plain).strip()


def clean(text: str) -> str:
    """Return a text as it can be stored: trimmed, cut, without control characters."""
    cut = text.strip()[:MAX_LABEL].strip()
    return "".join("\ufffd" if unicodedata.category(c) in {"Cc", "Cs"} else c for c in cut)


class Names:
    """The sample names of a request, in slot order."""

    def __init__(self, names: Sequence[str]) -> None:
        self.asked = tuple(names)
        keys = [_name_key(name) for name in names]
        counts = Counter(keys)
        self._slots = {key: slot for slot, key in enumerate(keys) if key and counts[key] == 1}
        numbers = [key[-1] for key in keys if key and _is_number(key[-1])]
        alone = Counter(numbers)
        self._numbers = {
            key[-1]: slot
            for slot, key in enumerate(keys)
            if key and _is_number(key[-1]) and alone[key[-1]] == 1
        }

    def slot(self, name: str) -> int | None:
        """Return the slot that a name echoes; a bare number echoes the name that ends in it."""
        key = _name_key(name)
        if key in self._slots:
            return self._slots[key]
        if len(key) == 1 or (_is_kind(key) and key[0] == "sample"):
            return self._numbers.get(key[-1])
        return None

    def explicit(self, name: str) -> int | None:
        """Return the slot of a name that is more than a bare number."""
        return None if self.is_number(name) else self.slot(name)

    def speaks_of(self, name: str) -> bool:
        """Tell whether a text is a name: one asked about, a number, or such as `Image 9`."""
        key = _name_key(name)
        return self.slot(name) is not None or _is_kind(key) or self.is_number(name)

    def is_number(self, name: str) -> bool:
        """Tell whether a name is a bare number."""
        key = _name_key(name)
        return len(key) == 1 and _is_number(key[0])


class Labels:
    """The labels that a request offered."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._exact = {label: label for label in labels}
        self._cased = _unambiguous(labels, lambda label: label.strip().casefold())
        self._folded = _unambiguous(labels, fold)
        self._longest = max((len(folded.split()) for folded in self._folded), default=0)

    def __len__(self) -> int:
        return len(self._exact)

    def spelled(self, text: str) -> str | None:
        """Return the label as the dataset spells it, if a text is one and nothing else."""
        return (
            self._exact.get(text)
            or self._cased.get(text.strip().casefold())
            or self._folded.get(fold(text))
        )

    def item(self, text: str) -> str | None:
        """Return the label of a list's item, which may have a number before or a share after."""
        known = self.spelled(text)
        if known is None and len(text) <= MAX_LABEL:
            bare = _CONFIDENCE.sub("", _NUMBERING.sub("", text))
            known = self.spelled(bare) if bare != text else None
        return known

    def split(self, text: str) -> list[str]:
        """Return the items of a written ranking: commas, bars, arrows or lines between them."""
        if self.item(text) is not None:
            return [text]
        return [part for part in _SEPARATOR.split(text) if part.strip()]

    def mentions(self, text: str) -> set[str]:
        """Return every label whose words occur in a text, in whatever sense."""
        words = fold(text).split()
        return {
            self._folded[phrase]
            for length in range(1, self._longest + 1)
            for start in range(len(words) - length + 1)
            if (phrase := " ".join(words[start : start + length])) in self._folded
        }

    def rank(self, items: Iterable[str]) -> Answer | None:
        """Return the answer that a list of labels is, best first.

        None when its first item is none: nothing, "unknown", or a sentence that refuses.
        """
        ranked: dict[str, str] = {}
        unknown: set[str] = set()
        for item in items:
            if len(ranked) == MAX_RANKED:
                break
            known = self.item(item)
            if known is None and is_no_answer(item):
                if not ranked:
                    return None
                continue
            written = known if known is not None else clean(item)
            key = known if known is not None else f"\n{fold(written) or written}"
            if key in ranked:
                continue
            ranked[key] = written
            if known is None:
                unknown.add(written)
        return Answer(tuple(ranked.values()), frozenset(unknown)) if ranked else None


def is_no_answer(item: str) -> bool:
    """Tell whether a would-be label says that there is none."""
    return not item.strip() or fold(item) in NO_ANSWER or is_refusal(item)


def _unambiguous(labels: Sequence[str], key: Callable[[str], str]) -> dict[str, str]:
    counts = Counter(map(key, labels))
    return {key(label): label for label in labels if key(label) and counts[key(label)] == 1}


def _name_key(name: str) -> tuple[str, ...]:
    """Return the words and numbers of a name, in one spelling; nothing of what is no name."""
    return _short_name_key(name) if len(name) <= MAX_NAME else ()


@lru_cache(4096)
def _short_name_key(name: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKC", name).casefold().strip()
    stem, dot, extension = plain.rpartition(".")
    tokens = _TOKEN.findall(stem if dot and extension in EXTENSIONS else plain)
    if len(tokens) > 1:
        tokens = [token for token in tokens if token not in _FILLERS]
        tokens[:1] = [KINDS.get(token, token) for token in tokens[:1]]
    return tuple(token.lstrip("0") or "0" if _is_number(token) else token for token in tokens)


def _is_number(token: str) -> bool:
    return token.isascii() and token.isdigit()


def _is_kind(key: tuple[str, ...]) -> bool:
    """Tell whether a name is a kind and a number, such as `Image 9`."""
    return len(key) == len(("kind", "number")) and key[0] in KINDS.values() and _is_number(key[1])
