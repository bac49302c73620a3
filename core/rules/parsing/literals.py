"""Finds JSON values and Python-style literals in a text, whatever stands around them.

A reader of our own, since `json` forgets repeated keys, recurses as deep as the input says and
knows no single quotes, and Python's own parser fails on deep input by exhausting memory. It
reads each value once, at most `MAX_DEPTH` deep, and stops after `MAX_STEPS` in all, so that no
text costs more than a fraction of a second.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

MAX_DEPTH = 10
MAX_STEPS = 20_000
"""Values begun in one text, readable or not; 100 samples with 20 scored labels each take 10,000."""


@dataclass(frozen=True)
class Pairs:
    """An object: keys as they were written, repeated ones too."""

    items: tuple[tuple[str, "Value"], ...]


Value: TypeAlias = "str | int | float | bool | list[Value] | Pairs | None"


@dataclass(frozen=True)
class Found:
    """An array or object, and where in the text it stands."""

    value: Value
    start: int
    end: int


_OPENING = re.compile(r"[\[{]")
_SPACE = re.compile(r"\s*")
_STRING = {
    quote: re.compile(rf"{quote}([^{quote}\\]*+(?:\\.[^{quote}\\]*+)*+){quote}", re.DOTALL)
    for quote in "\"'"
}
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?(?!\w)")
_WORD = re.compile(r"(?:true|false|null|none)(?!\w)", re.IGNORECASE)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_ESCAPED_OR_QUOTE = re.compile(r"\\.|\"", re.DOTALL)
_EXACT_DIGITS = 15


class _Unreadable(Exception):
    """No value begins here."""


class _Exhausted(Exception):
    """The text is not worth any more steps."""


def find(text: str) -> Iterator[Found]:
    """Yield the outermost arrays and objects that can be read, in order.

    Of one that is broken or cut off, those whole ones inside it.
    """
    reader = _Reader(text)
    position = 0
    while opening := _OPENING.search(text, position):
        start = opening.start()
        try:
            value, position = reader.value(start, 1)
        except _Unreadable:
            position = start + 1
        except _Exhausted:
            return
        else:
            yield Found(value, start, position)


class _Reader:
    """Reads values from one text; every method answers the value and where it ends."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = 0

    def value(self, at: int, depth: int) -> tuple[Value, int]:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise _Exhausted
        if depth > MAX_DEPTH:
            raise _Unreadable
        first = self.text[at : at + 1]
        if first in _STRING:
            return self.string(at)
        if first == "{":
            return self.object(at, depth)
        if first and first in "[(":
            return self.array(at, depth)
        if match := _NUMBER.match(self.text, at):
            return _number(match.group()), match.end()
        if match := _WORD.match(self.text, at):
            return _WORDS[match.group().lower()], match.end()
        raise _Unreadable

    def string(self, at: int) -> tuple[str, int]:
        match = _STRING[self.text[at]].match(self.text, at)
        if match is None:
            raise _Unreadable
        return _unescape(match.group(1)), match.end()

    def array(self, at: int, depth: int) -> tuple[Value, int]:
        closing = _CLOSING[self.text[at]]
        values: list[Value] = []
        at = self.skip(at + 1)
        while not self.text.startswith(closing, at):
            value, at = self.value(at, depth + 1)
            values.append(value)
            at = self.separator(at, closing)
        return values, at + 1

    def object(self, at: int, depth: int) -> tuple[Value, int]:
        items: list[tuple[str, Value]] = []
        at = self.skip(at + 1)
        while not self.text.startswith("}", at):
            key, at = self.value(at, depth + 1)
            if isinstance(key, list | Pairs):
                raise _Unreadable
            at = self.skip(at)
            if not self.text.startswith(":", at):
                raise _Unreadable
            value, at = self.value(self.skip(at + 1), depth + 1)
            items.append((str(key), value))
            at = self.separator(at, "}")
        return Pairs(tuple(items)), at + 1

    def separator(self, at: int, closing: str) -> int:
        """Step over a comma, which may also stand before the closing bracket."""
        at = self.skip(at)
        if self.text.startswith(",", at):
            return self.skip(at + 1)
        if self.text.startswith(closing, at):
            return at
        raise _Unreadable

    def skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at


def _number(written: str) -> int | float:
    digits = written.lstrip("+-")
    exact = digits.isdigit() and len(digits) <= _EXACT_DIGITS
    return int(written) if exact else float(written)


def _unescape(body: str) -> str:
    """Read escapes as JSON does; a body that JSON could not hold stays as it was written."""
    if "\\" not in body:
        return body

    def as_json(match: re.Match[str]) -> str:
        return {"\\'": "'", '"': '\\"'}.get(match.group(), match.group())

    try:
        return str(json.loads(f'"{_ESCAPED_OR_QUOTE.sub(as_json, body)}"', strict=False))
    except ValueError:
        return body
