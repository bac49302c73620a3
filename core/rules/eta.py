"""When a job that is under way ends: at its pace, after what it waits for, day by day."""

import math
from datetime import datetime
from typing import NamedTuple

from core.rules.limits import DAY_S, MINUTE_S
from core.rules.stalls import Stall


class Course(NamedTuple):
    """How far a job has got, in samples."""

    begun_at: datetime
    """When its first call was made."""
    ended: int
    """Samples with an outcome, of the runs that have begun and are not over."""
    left: int
    """Samples without one, of all runs."""


class Daily(NamedTuple):
    """A limit on the requests of a day, and what is to be sent under it."""

    requests: int
    """Still to be sent."""
    used: int
    allowed: int
    pace_rpm: float
    """Requests a minute that are sent while there is room in the day."""


def at_pace(course: Course, stall: Stall | None, moved_at: datetime, now: datetime) -> float | None:
    """Return the seconds still needed at the pace kept so far, or None where none is known.

    What stalls is measured up to when it last moved, and goes on when its wait is over; when that
    is nobody knows of a provider that is down.
    """
    if not course.ended or (stall is not None and stall.until is None):
        return None
    until = now if stall is None else max(moved_at, course.begun_at)
    pace = (until - course.begun_at).total_seconds() / course.ended
    return _wait(stall, now) + course.left * pace


def by_day(
    daily: Daily, stall: Stall | None, begun_at: datetime | None, now: datetime
) -> float | None:
    """Return the seconds until the last request is sent that a daily limit holds back.

    None where all that is left fits into the day, or nobody knows when calls leave again. A day's
    requests are free again a day after they were made: until something waits for that, the first
    are taken to be this job's own.
    """
    over = daily.requests - max(0, daily.allowed - daily.used)
    if over <= 0 or (stall is not None and stall.until is None):
        return None
    if stall is not None:
        first = _wait(stall, now)
    else:
        passed = 0.0 if begun_at is None else (now - begun_at).total_seconds()
        first = DAY_S - passed % DAY_S
    days = math.ceil(over / daily.allowed)
    last = over - (days - 1) * daily.allowed
    return first + (days - 1) * DAY_S + last / daily.pace_rpm * MINUTE_S


def _wait(stall: Stall | None, now: datetime) -> float:
    """Return the seconds that a stall still lasts."""
    if stall is None or stall.until is None:
        return 0.0
    return max(0.0, (stall.until - now).total_seconds())
