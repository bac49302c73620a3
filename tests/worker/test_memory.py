"""A worker process sets up its memory where the C library lets it."""

import ctypes
import gc

import pytest

from worker.memory import COLLECTED, HEAPS, M_ARENA_MAX, economise


class Library:
    """A C library, with or without heaps that can be bounded."""

    def __init__(self, *, bounded: bool) -> None:
        self.asked: list[tuple[int, int]] = []
        if bounded:
            self.mallopt = lambda option, value: self.asked.append((option, value))


@pytest.mark.parametrize(("bounded", "asked"), [(True, [(M_ARENA_MAX, HEAPS)]), (False, [])])
def test_heaps_are_bounded_where_they_can_be(
    monkeypatch: pytest.MonkeyPatch, bounded: bool, asked: list[tuple[int, int]]
) -> None:
    library, before = Library(bounded=bounded), gc.get_threshold()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    try:
        economise()
        assert gc.get_threshold() == COLLECTED
    finally:
        gc.set_threshold(*before)

    assert library.asked == asked
