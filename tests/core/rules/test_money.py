"""Costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.money import cost_nano, dollars
from core.rules.readings import Usage
from core.rules.specs import Prices


def prices(entry: float, out: float) -> Prices:
    return Prices(input_per_mtok=entry, output_per_mtok=out)


@pytest.mark.parametrize(
    ("entry", "out", "prompt", "completion", "nano"),
    [
        (2.5, 10.0, 1_000_000, 0, 2_500_000_000),
        (2.5, 10.0, 1785, 40, 4_862_500),
        (0.15, 0.6, 1, 1, 750),
        (0.1, 0.2, 3, 0, 300),
        (0.0005, 0.0, 1, 0, 1),
        (0.0004, 0.0, 1, 0, 0),
        (0.0005, 0.0, 3, 0, 2),
        (0.0, 0.0, 9, 9, 0),
        (15.0, 60.0, 0, 0, 0),
    ],
)
def test_cost_is_exact_and_a_half_is_rounded_up(
    entry: float, out: float, prompt: int, completion: int, nano: int
) -> None:
    assert cost_nano(prices(entry, out), Usage(prompt, completion)) == nano


def test_what_is_not_known_costs_no_known_amount() -> None:
    assert cost_nano(None, Usage(1, 1)) is None
    assert cost_nano(prices(1, 1), None) is None


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_whole_price_needs_no_rounding(prompt: int, completion: int) -> None:
    assert cost_nano(prices(3.0, 12.0), Usage(prompt, completion)) == (
        3000 * prompt + 12_000 * completion
    )


@given(st.floats(0, 1000), st.floats(0, 1000), st.integers(0, 10**7), st.integers(0, 10**7))
def test_more_tokens_never_cost_less(entry: float, out: float, prompt: int, more: int) -> None:
    few = cost_nano(prices(entry, out), Usage(prompt, prompt))
    many = cost_nano(prices(entry, out), Usage(prompt + more, prompt + more))

    assert few is not None
    assert many is not None
    assert 0 <= few <= many


def test_dollars_are_for_reading() -> None:
    assert dollars(4_862_500) == 0.0048625
