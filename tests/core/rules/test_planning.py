"""The order of samples, and halves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.rules.planning import MOST_SAMPLES, halves, portions, shuffled


@given(st.integers(0, 2000), st.integers(0, 2**31 - 1))
def test_an_order_holds_every_place_once(count: int, seed: int) -> None:
    assert sorted(shuffled(count, seed).tolist()) == list(range(count))


def test_an_order_is_the_same_on_every_machine() -> None:
    assert shuffled(8, 0).tolist() == [6, 0, 3, 1, 4, 2, 7, 5]


def test_two_seeds_give_two_orders() -> None:
    assert (shuffled(100, 0) != shuffled(100, 1)).any()


def test_an_order_is_well_mixed() -> None:
    places = shuffled(10_000, 7)

    correlation = np.corrcoef(places, np.arange(10_000))[0, 1]

    assert abs(correlation) < 0.03


@given(st.lists(st.integers(), min_size=2, max_size=50, unique=True))
def test_halves_share_everything_between_them(slots: list[int]) -> None:
    first, second = halves(tuple(slots))

    assert first + second == tuple(slots)
    assert abs(len(first) - len(second)) <= 1


@given(st.integers(0, 100_000), st.integers(1, 100_000), st.integers(1, 100))
def test_portions_cover_what_is_left_in_whole_requests(
    planned: int, more: int, batch_size: int
) -> None:
    samples = planned + more

    found = list(portions(planned, samples, batch_size))

    assert found[0][0] == planned
    assert found[-1][1] == samples
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert all((end - start) % batch_size == 0 for start, end in found[:-1])
    assert all(end - start <= max(MOST_SAMPLES, batch_size) for start, end in found)


def test_the_first_portion_is_small_and_the_next_are_larger() -> None:
    assert list(portions(0, 60_000, 20)) == [
        (0, 5120),
        (5120, 15_360),
        (15_360, 35_360),
        (35_360, 55_360),
        (55_360, 60_000),
    ]
    assert [end - start for start, end in portions(0, 12_000, 1)] == [
        256,
        512,
        1024,
        2048,
        4096,
        4064,
    ]


def test_nothing_left_is_no_portion() -> None:
    assert list(portions(7, 7, 20)) == []
