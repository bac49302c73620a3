"""The order of samples, and halves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.rules.planning import halves, shuffled


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
