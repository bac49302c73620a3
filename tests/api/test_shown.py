"""How values read on a page."""

from typing import Any

import pytest

from api.pages.shown import said


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        (True, "yes"),
        (0, "0"),
        (1, "1"),
        (["a", False], "a, no"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_a_value_is_said_as_people_do(value: Any, words: str) -> None:
    assert said(value) == words
