"""Values among prose: which are found, and what they say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.parsing.literals import MAX_DEPTH, Pairs, find

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**14), 10**14)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {key: plain(held) for key, held in value.items}
    return [plain(held) for held in value] if isinstance(value, list) else value


def values(text: str) -> list[Any]:
    return [plain(found.value) for found in find(text)]


def depth(value: Any) -> int:
    held = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, held), default=0) if isinstance(value, dict | list) else 0


@given(st.lists(JSON), st.booleans(), st.sampled_from([None, 1]))
def test_json_is_read_as_json_reads_it(value: list[Any], ascii_only: bool, indent: int) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    if depth(value) <= MAX_DEPTH:
        assert values(f"so: {text}.") == [value]


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(alphabet="ab'\" ,:[]{}"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet="ab'\" "), inner),
    max_leaves=10,
)


@given(st.lists(LITERALS).filter(lambda value: depth(value) <= MAX_DEPTH))
def test_what_python_prints_is_read_back(value: list[Any]) -> None:
    assert values(repr(value)) == [value]


def test_keys_that_repeat_are_all_kept() -> None:
    assert [found.value for found in find('{"a": 1, "a": 2}')] == [Pairs((("a", 1), ("a", 2)))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no values here", []),
        ("it's [sic], isn't it: ['a']", [["a"]]),
        ("('a', 'b')", []),
        ("[('a', 0.5), ('b', .25)]", [[["a", 0.5], ["b", 0.25]]]),
        ('["a", "b",]', [["a", "b"]]),
        ('["a",, "b"]', []),
        ('["a" "b"]', []),
        ('{"a": [1, 2], "b": [3', [[1, 2]]),
        ("[true, False, null, None, NULL]", [[True, False, None, None, None]]),
        ("[__import__('os').system('true')]", []),
        ("[1 + 1]", []),
        (r'["\u00e9\ud83d\ude00", "a\nb", "\x41"]', [["\u00e9\U0001f600", "a\nb", r"\x41"]]),
        ('["a\nb"]', [["a\nb"]]),
        ("[1e999]", [[float("inf")]]),
        ("[12abc]", []),
    ],
)
def test_known_texts(text: str, expected: list[Any]) -> None:
    assert values(text) == expected


def test_deeper_than_the_bound_only_the_inside_is_read() -> None:
    text = "[" * (MAX_DEPTH + 3) + "]" * (MAX_DEPTH + 3)

    (found,) = find(text)

    assert (found.start, found.end) == (3, len(text) - 3)
