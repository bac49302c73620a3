from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.frames import frame_indices


@pytest.mark.parametrize(
    ("total", "count", "indices"),
    [
        (9, 3, [1, 4, 7]),
        (10, 1, [5]),
        (10, 3, [1, 5, 8]),
        (2, 2, [0, 1]),
        (2, 5, [0, 1]),
        (1, 1, [0]),
        (0, 3, []),
    ],
)
def test_frames_are_the_centres_of_equal_segments(
    total: int, count: int, indices: list[int]
) -> None:
    assert frame_indices(total, count) == indices


@given(st.integers(0, 10**7), st.integers(1, 200))
def test_indices_ascend_without_repeats_inside_the_video(total: int, count: int) -> None:
    indices = frame_indices(total, count)

    assert len(indices) == min(total, count)
    assert indices == sorted(set(indices))
    assert all(0 <= index < total for index in indices)


@given(st.integers(1, 10**5), st.integers(1, 100))
def test_gaps_differ_by_at_most_one_frame(total: int, count: int) -> None:
    indices = frame_indices(total, count)

    gaps = {b - a for a, b in pairwise(indices)}
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(("total", "count"), [(-1, 3), (5, 0), (5, -1)])
def test_nonsense_is_refused(total: int, count: int) -> None:
    with pytest.raises(ValueError, match="total >= 0 and count >= 1"):
        frame_indices(total, count)
