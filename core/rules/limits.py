"""The arithmetic of limits: a sliding log, and the rate where none is known.

Moments are seconds of any clock that never goes back. Nothing here reads one. `lua/account.lua` of
the limiter says the same once more, for Redis: a change here is a change there.
"""

import math
from collections import deque
from typing import NamedTuple

MINUTE_S, MINUTE_BUCKET_S = 60.0, 0.25
DAY_S, DAY_BUCKET_S = 86_400.0, 360.0
"""A window, and the grain in which what is counted in it leaves: 240 grains each."""

MARGIN_S = 0.05
"""What is counted stays this much longer than the window: clocks do not run alike."""

START_RPM = 60.0
"""Where the search for an unknown rate begins."""

NO_PACE_RPM = 6e7
"""A thousand a second for each of a thousand calls under way: no pace at all."""

CLIMB_RPM = 6.0
"""Added by each success until the first 429: the rate grows e-fold in 10 s."""

STEP = 0.1
"""Share of the base rate that the successes of a minute add after a 429."""

BACK_OFF = 0.5
"""What a 429 leaves of a rate."""

REACHED = 0.9
"""A 429 leaves a rate of at least this share of what was sent during the last minute."""

FRESH_S = 60.0
"""For so long what a provider said of what remains is believed, and, after a 429, not believed."""

TOKEN_BURST_S = 1.0
"""Tokens of so many seconds may go at once where the provider says nothing."""

FULL = 1e15
"""A level above every ceiling: how a gate starts."""

EPSILON = 1e-6


def least(one: int | None, other: int | None) -> int | None:
    """Return the smaller of two limits; None is one that is not known."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


class Known(NamedTuple):
    """The limits that are kept: as configured, or as the provider told where that is less."""

    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None


class Window:
    """What was counted in the last minute or day, in buckets named by the moment they leave.

    Rounded up: a bucket leaves when the last thing in it does. Its cost is bound by the number of
    buckets, not by what is in them.
    """

    __slots__ = ("_buckets", "_grain", "_span", "requests", "tokens")

    def __init__(self, span: float, grain: float) -> None:
        self._span = span + MARGIN_S
        self._grain = grain
        self._buckets: deque[list[int]] = deque()
        self.requests = 0
        self.tokens = 0

    def add(self, at: float, requests: int, tokens: int) -> None:
        """Count something as of a moment; one before the last counts with the last."""
        leaves = math.ceil((at + self._span) / self._grain)
        if self._buckets and self._buckets[-1][0] >= leaves:
            last = self._buckets[-1]
            last[1] += requests
            last[2] += tokens
        else:
            self._buckets.append([leaves, requests, tokens])
        self.requests += requests
        self.tokens += tokens

    def prune(self, now: float) -> None:
        """Forget what has left."""
        buckets = self._buckets
        while buckets and buckets[0][0] * self._grain <= now:
            _, requests, tokens = buckets.popleft()
            self.requests -= requests
            self.tokens -= tokens

    def requests_leave(self, excess: float) -> float | None:
        """Return the moment when so many requests will have left; None if there are fewer."""
        return self._leave(1, excess)

    def tokens_leave(self, excess: float) -> float | None:
        """Return the moment when so many tokens will have left; None if there are fewer."""
        return self._leave(2, excess)

    def _leave(self, field: int, excess: float) -> float | None:
        for bucket in self._buckets:
            excess -= bucket[field]
            if excess <= 0:
                return bucket[0] * self._grain
        return None


class Pace:
    """The requests a minute to send: as configured or told, or found.

    Found by additive increase and multiplicative decrease (Chiu and Jain 1989), with a steep
    climb up to the first 429 where nothing is known.
    """

    __slots__ = ("climbing", "found", "starts_low")

    def __init__(self) -> None:
        self.found: float | None = None
        self.climbing = True
        self.starts_low = True
        """Where the number of calls under way is being found, that is what starts low, and there is
        no pace until 429s say that it takes one."""

    def rpm(self, base: int | None) -> float:
        """Return the rate now; `base` is the known limit."""
        if base is None:
            if self.found is None:
                return START_RPM if self.starts_low else NO_PACE_RPM
            return self.found
        return base if self.found is None else min(base, self.found)

    def paces(self, base: int | None) -> bool:
        """Tell whether there is a pace at all."""
        return base is not None or self.found is not None or self.starts_low

    def searching(self, base: int | None) -> bool:
        """Tell whether the rate is not known for sure."""
        return base is None or self.found is not None

    def rise(self, base: int | None) -> None:
        """Add what one success is worth."""
        if not self.paces(base):
            return
        if base is None and self.climbing:
            self.found = self.rpm(base) + CLIMB_RPM
            return
        if self.found is None:
            return
        rate = self.rpm(base)
        self.found = rate + STEP * (rate if base is None else base) / rate
        if base is not None and self.found >= base:
            self.found = None

    def fall(self, base: int | None, used: int) -> None:
        """Take back what a 429 costs; `used` is what was sent during the last minute.

        Much of that may have been let in, and a window that an earlier, higher rate has filled
        says nothing of this one: so the rate stays near what was sent.
        """
        rate = self.rpm(base) if self.paces(base) else max(1.0, used)
        self.climbing = False
        self.found = min(rate, max(1.0, BACK_OFF * rate, REACHED * used))
