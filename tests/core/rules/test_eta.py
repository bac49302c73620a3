"""When a job ends: by its pace, after its wait, and day by day."""

from datetime import UTC, datetime, timedelta

import pytest

from core.rules.eta import Course, Daily, at_pace, by_day
from core.rules.stalls import Stall, StallCode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = 3600.0, 86_400.0
BEGUN = NOW - timedelta(hours=2)


def stall(seconds: float | None) -> Stall:
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Stall(StallCode.LIMIT, NOW, until, "")


def test_a_job_that_moves_goes_on_at_its_pace() -> None:
    assert at_pace(Course(BEGUN, 100, 50), None, NOW, NOW) == HOUR


def test_a_wait_comes_before_the_rest_and_does_not_slow_the_pace() -> None:
    # 100 in the first hour; nothing since.
    moved_at = NOW - timedelta(hours=1)

    assert at_pace(Course(BEGUN, 100, 50), stall(600), moved_at, NOW) == 600 + HOUR / 2


def test_a_wait_that_is_just_over_costs_nothing_more() -> None:
    assert at_pace(Course(BEGUN, 100, 50), stall(-5), NOW, NOW) == HOUR


@pytest.mark.parametrize("course", [Course(BEGUN, 0, 50), Course(NOW, 0, 0)])
def test_without_an_outcome_there_is_no_pace(course: Course) -> None:
    assert at_pace(course, None, NOW, NOW) is None


def test_nobody_knows_when_a_provider_that_is_down_answers() -> None:
    assert at_pace(Course(BEGUN, 100, 50), stall(None), NOW, NOW) is None
    assert by_day(Daily(1000, 100, 100, 60.0), stall(None), BEGUN, NOW) is None


@pytest.mark.parametrize("requests", [0, 50])
def test_what_fits_into_the_day_is_not_held_back(requests: int) -> None:
    assert by_day(Daily(requests, 50, 100, 60.0), None, BEGUN, NOW) is None


@pytest.mark.parametrize(
    ("requests", "used", "days", "last"),
    [(51, 50, 1, 1), (150, 50, 1, 100), (151, 50, 2, 1), (300, 100, 3, 100), (1, 120, 1, 1)],
)
def test_what_does_not_fit_waits_for_as_many_resets(
    requests: int, used: int, days: int, last: int
) -> None:
    # 30 requests a minute: the last day's take two seconds each. The first reset is an hour away.
    span = by_day(Daily(requests, used, 100, 30.0), stall(HOUR), BEGUN, NOW)

    assert span == HOUR + (days - 1) * DAY + 2 * last


@pytest.mark.parametrize(
    ("begun_at", "first"),
    [(None, DAY), (NOW, DAY), (BEGUN, DAY - 2 * HOUR), (NOW - timedelta(hours=26), DAY - 2 * HOUR)],
)
def test_a_day_begins_with_the_first_call(begun_at: datetime | None, first: float) -> None:
    assert by_day(Daily(60, 50, 100, 30.0), None, begun_at, NOW) == first + 20
