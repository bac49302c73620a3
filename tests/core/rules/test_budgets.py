"""Budgets: what fits, what counts, what is said."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.rules.budgets import (
    Budget,
    Fit,
    Tally,
    check_prices,
    counted,
    kept,
    money,
    month_of,
    why,
)
from core.vocabulary import Result

DOLLAR = 1_000_000_000
HOW = "raise it"


@pytest.mark.parametrize(
    ("budget", "tally", "most", "fit"),
    [
        (Budget(), Tally(9, 9, 9), None, Fit.NOW),
        (Budget(nano=10), Tally(3, 4, 0), 3, Fit.NOW),
        (Budget(nano=10), Tally(3, 4, 0), 4, Fit.LATER),
        (Budget(nano=10), Tally(3, 4, 0), 7, Fit.LATER),
        (Budget(nano=10), Tally(3, 4, 0), 8, Fit.NEVER),
        (Budget(nano=10), Tally(11, 0, 0), 0, Fit.NEVER),
        (Budget(nano=0), Tally(), 0, Fit.NOW),
        (Budget(nano=10), Tally(), None, Fit.NEVER),
        (Budget(requests=2), Tally(attempts=1), None, Fit.NOW),
        (Budget(requests=2), Tally(attempts=2), None, Fit.NEVER),
        (Budget(nano=10, requests=2), Tally(attempts=2), 1, Fit.NEVER),
    ],
)
def test_a_call_fits_now_or_later_or_never(
    budget: Budget, tally: Tally, most: int | None, fit: Fit
) -> None:
    assert tally.fit(budget, most) is fit


@given(st.integers(0, 100), st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), max_size=30))
def test_calls_that_fit_never_overspend_whatever_they_cost_in_the_end(
    bound: int, calls: list[tuple[int, float]]
) -> None:
    budget, tally = Budget(nano=bound), Tally()

    for most, share in calls:
        if tally.fit(budget, most) is Fit.NOW:
            tally.add(0, most, 1)
            assert tally.spent + tally.reserved <= bound
            tally.add(int(most * share), -most, 0)

    assert tally.spent <= bound


@pytest.mark.parametrize(
    ("result", "cost", "reserved", "counts"),
    [
        (Result.SENT, None, 7, (0, 7)),
        (Result.UNKNOWN, None, 7, (7, 0)),
        (Result.ANSWERED, 5, 0, (5, 0)),
        (Result.ANSWERED, None, 7, (7, 0)),
        (Result.RATE_LIMITED, None, 0, (0, 0)),
    ],
)
def test_an_attempt_counts_as_its_row_says(
    result: Result, cost: int | None, reserved: int, counts: tuple[int, int]
) -> None:
    assert counted(result, cost, reserved) == counts


@pytest.mark.parametrize(
    ("result", "status", "connected", "stays"),
    [
        (Result.ANSWERED, 200, True, 7),
        (Result.REFUSED, 200, True, 7),
        (Result.MALFORMED, 200, True, 7),
        (Result.TIMEOUT, None, True, 7),
        (Result.RESET, None, True, 7),
        (Result.RESET, None, False, 0),
        (Result.TIMEOUT, None, False, 0),
        (Result.REFUSED, 400, True, 0),
        (Result.TOO_LARGE, 413, True, 0),
        (Result.MALFORMED, 502, True, 0),
        (Result.MALFORMED, 307, True, 0),
        (Result.SERVER_ERROR, 200, True, 0),
        (Result.WITHDRAWN, None, True, 0),
        (Result.REJECTED, None, True, 0),
    ],
)
def test_what_may_have_been_billed_keeps_its_reservation(
    result: Result, status: int | None, *, connected: bool, stays: int
) -> None:
    assert kept(result, status, 7, connected=connected) == stays


@pytest.mark.parametrize(
    ("nano", "words"),
    [
        (5 * DOLLAR, "$5.00"),
        (4_983_200_000, "$4.9832"),
        (1, "$0.000000001"),
        (0, "$0.00"),
        (1_234_500_000_000, "$1,234.50"),
    ],
)
def test_money_is_written_exactly_and_with_cents(nano: int, words: str) -> None:
    assert money(nano) == words


def test_a_month_is_its_first_day() -> None:
    assert month_of(datetime(2026, 11, 30, 23, 59, tzinfo=UTC)) == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("budget", "tally", "most", "said"),
    [
        (
            Budget(nano=5 * DOLLAR),
            Tally(4_980_000_000, 0, 9),
            50_000_000,
            "budget of $5.00 reached: $4.98 spent, the next call may cost $0.05; raise it",
        ),
        (
            Budget(nano=DOLLAR, requests=1000),
            Tally(0, 0, 1000),
            1,
            "budget of 1,000 requests reached: 1,000 were sent; raise it",
        ),
        (
            Budget(nano=DOLLAR),
            Tally(),
            None,
            "the model has no prices, so no budget in dollars can hold it; set them, or raise it",
        ),
    ],
)
def test_a_reason_says_what_was_spent_and_what_to_do(
    budget: Budget, tally: Tally, most: int | None, said: str
) -> None:
    assert why(budget, tally, most, whose="budget", how=HOW) == said


def test_models_without_prices_cannot_be_held_to_dollars() -> None:
    check_prices([], "a")

    with pytest.raises(InvalidInput, match=r"set those of fer, vit with PATCH /v1/models/\{name\}"):
        check_prices(["fer", "vit"], "a")
