from datetime import UTC, datetime

import pytest

from core.rules.specs import Limits
from core.rules.waiting import Day, Told, advice, days_s, waits

DAY, NOON = 86_400.0, datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("requests", "day", "rpm", "seconds"),
    [
        (70, Day(100, 30, 500.0), None, 0.0),
        (71, Day(100, 30, 500.0), None, 500.0),
        (170, Day(100, 30, 500.0), None, 500.0),
        # Three days: what is left of this one, a whole one, and 100 of the third at 50 a minute.
        (270, Day(100, 30, 500.0), 50, 500.0 + DAY + 120.0),
        (300, Day(100, 100, 500.0), 50, 500.0 + 2 * DAY + 120.0),
        # More was used than the limit allows, since it was lowered.
        (1, Day(100, 130, 500.0), None, 500.0),
    ],
)
def test_a_limit_a_day_says_when_a_job_ends(
    requests: int, day: Day, rpm: int | None, seconds: float
) -> None:
    assert days_s(requests, day, rpm) == pytest.approx(seconds)


def test_a_limit_told_to_be_lower_is_said_to_be_kept() -> None:
    told = [Told("env:A", 300, None, None), Told("env:B", None, None, None)]

    assert advice("m", Limits(rpm=600), told) == [
        "The provider allows env:A 300 requests a minute and 600 are configured: 300 are kept."
    ]


def test_a_limit_told_to_be_higher_is_offered_and_not_taken() -> None:
    told = [Told("env:A", 5000, 2_000_000, None), Told("env:B", 6000, 2_000_000, None)]

    requests, tokens = advice("m", Limits(rpm=600, tpm=30_000), told)

    assert requests == (
        "The provider allows 5,000 requests a minute and 600 are configured: 600 are kept."
        " To use more: gerbench models change m --rpm 5000"
    )
    assert tokens.endswith("gerbench models change m --tpm 2000000")


@pytest.mark.parametrize(
    ("configured", "told"),
    [
        (Limits(rpm=600), [Told("env:A", 600, None, 7)]),
        (Limits(), [Told("env:A", 600, None, None)]),
        (Limits(rpm=600), []),
        # Nobody knows what the second credential allows.
        (Limits(rpm=600), [Told("env:A", 700, None, None), Told("env:B", None, None, None)]),
    ],
)
def test_what_agrees_or_is_not_known_needs_no_advice(configured: Limits, told: list[Told]) -> None:
    assert advice("m", configured, told) == []


def test_a_job_that_sleeps_says_for_what_until_when_and_when_it_ends() -> None:
    end = datetime(2026, 11, 27, tzinfo=UTC)

    assert waits(NOON, "requests per day", None) == (
        "waiting until 2026-11-24 12:00:00 UTC: requests per day"
    )
    assert waits(NOON, "requests per day", end) == (
        "waiting until 2026-11-24 12:00:00 UTC: requests per day;"
        " it ends about 2026-11-27 00:00:00 UTC"
    )
