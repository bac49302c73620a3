"""Waits between attempts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.retry import BASE_DELAY_S, MAX_DELAY_S, MAX_FAILURES, MAX_NAMED_DELAY_S, delay

seeds = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("failures", "seed", "seconds"),
    [(1, 0.0, 0.5), (2, 0.0, 1.0), (3, 0.5, 3.0), (5, 0.0, 8.0), (7, 0.0, 30.0), (99, 0.0, 30.0)],
)
def test_the_wait_doubles_up_to_a_minute(failures: int, seed: float, seconds: float) -> None:
    assert delay(failures=failures, retry_after_s=None, seed=seed) == seconds


@pytest.mark.parametrize(
    ("named", "seconds"), [(0.02, 0.02), (7.0, 7.0), (3600.0, 3600.0), (86_400.0, 3600.0)]
)
def test_a_named_wait_is_believed_up_to_an_hour(named: float, seconds: float) -> None:
    assert delay(failures=3, retry_after_s=named, seed=0.9) == seconds


@pytest.mark.parametrize("named", [0.0, -5.0, math.nan])
def test_a_wait_of_nothing_names_none(named: float) -> None:
    assert delay(failures=1, retry_after_s=named, seed=0.0) == 0.5


@given(st.integers(1, 10**6), seeds)
def test_our_own_wait_is_in_the_upper_half_of_its_bound(failures: int, seed: float) -> None:
    longest = min(BASE_DELAY_S * 2 ** (min(failures, 20) - 1), MAX_DELAY_S)

    assert longest / 2 <= delay(failures=failures, retry_after_s=None, seed=seed) <= longest


@given(st.integers(1, 100), st.floats(), seeds)
def test_no_wait_is_negative_or_endless(failures: int, named: float, seed: float) -> None:
    assert 0 < delay(failures=failures, retry_after_s=named, seed=seed) <= MAX_NAMED_DELAY_S


def test_all_waits_of_a_request_add_up_to_half_a_minute() -> None:
    waits = [delay(failures=n, retry_after_s=None, seed=0.999) for n in range(1, MAX_FAILURES)]

    assert sum(waits) == pytest.approx(31, rel=0.01)
