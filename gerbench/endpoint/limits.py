"""Limits on rates as a provider enforces them, for each key. Pure: `now` is an argument.

A request is counted when it is let in. Times are seconds on any clock that never goes back.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

MINUTE = 60.0


@dataclass
class Taken:
    """An amount counted against a window."""

    at: float
    amount: float


class Window(Protocol):
    """How a limit on an amount per period is counted."""

    limit: float

    def used(self, now: float) -> float:
        """Return how much counts against the limit."""
        ...

    def take(self, amount: float, now: float) -> Taken:
        """Count an amount."""
        ...

    def correct(self, taken: Taken, amount: float, now: float) -> None:
        """Count another amount in place of what was taken."""
        ...

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until an amount fits; infinite if it never will."""
        ...

    def reset(self, now: float) -> float:
        """Return the seconds until nothing counts any more."""
        ...


class Sliding:
    """Counts what was taken in the last period, to the moment."""

    def __init__(self, limit: float, period: float) -> None:
        self.limit, self._period = limit, period
        self._taken: deque[Taken] = deque()
        self._total = 0.0

    def used(self, now: float) -> float:
        """Return what was taken in the last period."""
        while self._taken and self._taken[0].at + self._period <= now:
            self._total -= self._taken.popleft().amount
        return self._total

    def take(self, amount: float, now: float) -> Taken:
        """Count an amount."""
        taken = Taken(now, amount)
        self._taken.append(taken)
        self._total += amount
        return taken

    def correct(self, taken: Taken, amount: float, now: float) -> None:
        """Count another amount, unless what was taken has slid out."""
        self.used(now)
        if taken.at + self._period > now:
            self._total += amount - taken.amount
            taken.amount = amount

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until enough has slid out."""
        if amount > self.limit:
            return math.inf
        excess = self.used(now) + amount - self.limit
        for taken in self._taken:
            if excess <= 0:
                break
            excess -= taken.amount
            if excess <= 0:
                return taken.at + self._period - now
        return 0.0

    def reset(self, now: float) -> float:
        """Return the seconds until the last amount slides out."""
        self.used(now)
        return self._taken[-1].at + self._period - now if self._taken else 0.0


class Fixed:
    """Counts from zero again at every full period."""

    def __init__(self, limit: float, period: float) -> None:
        self.limit, self._period = limit, period
        self._start = -math.inf
        self._used = 0.0

    def _window(self, now: float) -> float:
        return math.floor(now / self._period) * self._period

    def used(self, now: float) -> float:
        """Return what was taken in this window."""
        if self._window(now) != self._start:
            self._start, self._used = self._window(now), 0.0
        return self._used

    def take(self, amount: float, now: float) -> Taken:
        """Count an amount."""
        self._used = self.used(now) + amount
        return Taken(now, amount)

    def correct(self, taken: Taken, amount: float, now: float) -> None:
        """Count another amount, unless a new window has begun."""
        self.used(now)
        if taken.at >= self._start:
            self._used += amount - taken.amount
            taken.amount = amount

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until the next window, if this one is too full."""
        if amount > self.limit:
            return math.inf
        return 0.0 if self.used(now) + amount <= self.limit else self.reset(now)

    def reset(self, now: float) -> float:
        """Return the seconds until the next window."""
        return self._window(now) + self._period - now


class Bucket:
    """Drains evenly, a whole limit in a period; what is in it counts."""

    def __init__(self, limit: float, period: float) -> None:
        self.limit, self._rate = limit, limit / period
        self._level = 0.0
        self._at = -math.inf

    def used(self, now: float) -> float:
        """Return the level."""
        self._level = max(0.0, self._level - (now - self._at) * self._rate)
        self._at = now
        # A billionth of rounding must not keep a request out.
        return round(self._level, 6)

    def take(self, amount: float, now: float) -> Taken:
        """Pour an amount in."""
        self.used(now)
        self._level += amount
        return Taken(now, amount)

    def correct(self, taken: Taken, amount: float, now: float) -> None:
        """Take out, or pour in, the difference."""
        self.used(now)
        self._level = max(0.0, self._level + amount - taken.amount)
        taken.amount = amount

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until enough has drained."""
        if amount > self.limit:
            return math.inf
        return max(0.0, (self.used(now) + amount - self.limit) / self._rate)

    def reset(self, now: float) -> float:
        """Return the seconds until it is empty."""
        return self.used(now) / self._rate


WINDOWS: dict[str, Callable[[float, float], Window]] = {
    "sliding": Sliding,
    "fixed": Fixed,
    "bucket": Bucket,
}
