"""The time of a process: it follows the system's clock, but does not jump with it.

Leases and waits are moments in the database. Were the clock set by an hour in the middle of a run,
every call under way would look abandoned, or nothing would be due for an hour.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

SLEW = 0.1
"""Seconds a second by which a clock that was set is followed: an hour takes ten. Leases then last
a tenth shorter or longer, which is within their margin."""

STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Counts on while the machine sleeps, where the system has such a clock."""


def _elapsed() -> float:
    return time.clock_gettime(STEADY)


class Clock:
    """A clock that starts with the system's. Any thread may ask."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = _elapsed,
    ) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._lock = threading.Lock()
        self._at = elapsed()
        self._value = wall()

    def now(self) -> datetime:
        """Return the time."""
        with self._lock:
            at = self._elapsed()
            ran, self._at = at - self._at, at
            most = SLEW * ran
            gap = self._wall() - (self._value + ran)
            self._value += ran + max(-most, min(most, gap))
            return datetime.fromtimestamp(self._value, UTC)
