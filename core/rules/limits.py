"""The arithmetic of limits: a sliding log, a gate before it, and the rate where none is known.

Moments are seconds of any clock that never goes back. Nothing here reads one. `lua/account.lua` of
the limiter says the same once more, for Redis: a change here is a change there.
"""

import math
from collections import deque
from typing import NamedTuple

from core.rules.headers import Seen

MINUTE_S, MINUTE_BUCKET_S = 60.0, 0.25
DAY_S, DAY_BUCKET_S = 86_400.0, 360.0
"""A window, and the grain in which what is counted in it leaves: 240 grains each."""

MARGIN_S = 0.05
"""What is counted stays this much longer than the window: clocks do not run alike."""

START_RPM = 60.0
"""Where the search for an unknown rate begins."""

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


class Counted(NamedTuple):
    """What a reply's provider had counted when it said what remains."""

    amount: int
    """What the call it answers costs."""
    after: int
    """What was reserved since the call was."""
    ahead: int
    """What was under way before the call, and may not have been counted yet."""
    age: float
    """Seconds since the call was sent."""


class Gate:
    """How much may go at once: a level that refills evenly, up to a ceiling.

    The ceiling is the most that the provider said remained. While it says nothing the ceiling is
    one request, or a second's worth of tokens: even pacing. The level is a line through (`at`,
    `level`); after something was reserved ahead `at` lies in the future, and the line runs back
    from there.
    """

    __slots__ = ("at", "hold", "level", "most", "newest", "told", "trust")

    def __init__(self) -> None:
        self.level = FULL
        self.at = 0.0
        self.most = 0.0
        """The ceiling that the provider told."""
        self.told = -FULL
        """When it last did."""
        self.trust = -FULL
        """What it says of what remains is not believed before."""
        self.hold = -FULL
        """Nothing goes before: the provider said that nothing remains until then."""
        self.newest = 0
        """The latest sent of the requests whose replies were heard, by its mark."""

    def opens(self, now: float, amount: float, rate: float, burst: float) -> float:
        """Return the first moment at which an amount may go."""
        ceiling, need = self._bounds(now, amount, burst)
        level = self._level(now, rate, ceiling)
        short = need - level
        opens = now if short <= EPSILON else now + short / rate
        return max(opens, self.hold)

    def take(self, moment: float, now: float, amount: float, rate: float, burst: float) -> None:
        """Let an amount go at a moment, which may lie ahead."""
        ceiling, _ = self._bounds(now, amount, burst)
        level = self._level(now, rate, ceiling) + rate * (moment - now)
        self.level, self.at = min(level, ceiling) - amount, moment

    def give(self, amount: float) -> None:
        """Put an amount back, or, below 0, take more."""
        self.level += amount

    def fresh(self, now: float) -> bool:
        """Tell whether the provider lately said what remains."""
        return now <= self.told + FRESH_S

    def hear(
        self,
        now: float,
        seen: Seen,
        call: Counted,
        *,
        rate: float,
        burst: float,
        limit: int | None,
    ) -> None:
        """Learn from what a reply says remains, after the call it answers was counted.

        What remains now is at least `remaining - after - ahead`, and at most `remaining - after`
        and what has refilled since. The level is moved into these bounds, not set: within them
        our own count knows better.
        """
        if seen.remaining is None:
            return
        level = self._level(now, rate, FULL)
        if now >= self.trust:
            ceiling = max(seen.remaining, burst)
            ceiling = ceiling if limit is None else min(ceiling, limit)
            self.most = max(self.most, ceiling) if self.fresh(now) else ceiling
            self.told = now
            level = max(min(level, self.most), seen.remaining - call.after - call.ahead)
        self.level = min(level, seen.remaining - call.after + rate * call.age)
        self.at = now
        self.hold = -FULL
        if seen.remaining < call.amount and seen.reset_s is not None:
            full = max(burst, self.most if limit is None else limit)
            self._hold_for(now, seen.remaining, seen.reset_s, full, rate)

    def distrust(self, now: float) -> None:
        """Pace evenly for a while, whatever the provider says remains: it was wrong."""
        self.told, self.trust = -FULL, now + FRESH_S

    def _hold_for(
        self, now: float, remaining: int, reset: float, limit: float, rate: float
    ) -> None:
        """Wait for the reset, unless it names the moment when a bucket will be full again."""
        for full in (limit, max(self.most, 1.0)):
            until_full = (full - remaining) / rate
            if 0.8 * until_full <= reset <= 1.25 * until_full:
                return
        self.hold = now + min(reset, MINUTE_S)

    def _bounds(self, now: float, amount: float, burst: float) -> tuple[float, float]:
        """Return the ceiling, and the level an amount needs: once told, all of the amount."""
        if now <= self.told + FRESH_S:
            return max(self.most, amount), amount
        return burst, min(amount, burst)

    def _level(self, now: float, rate: float, ceiling: float) -> float:
        level = self.level + rate * (now - self.at)
        return min(ceiling, level)


class Pace:
    """The requests a minute to send: as configured or told, or found.

    Found by additive increase and multiplicative decrease (Chiu and Jain 1989), with a steep
    climb up to the first 429 where nothing is known.
    """

    __slots__ = ("climbing", "found")

    def __init__(self) -> None:
        self.found: float | None = None
        self.climbing = True

    def rpm(self, base: int | None) -> float:
        """Return the rate now; `base` is the known limit."""
        if base is None:
            return START_RPM if self.found is None else self.found
        return base if self.found is None else min(base, self.found)

    def searching(self, base: int | None) -> bool:
        """Tell whether the rate is not known for sure."""
        return base is None or self.found is not None

    def rise(self, base: int | None) -> None:
        """Add what one success is worth."""
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
        rate = self.rpm(base)
        self.climbing = False
        self.found = min(rate, max(1.0, BACK_OFF * rate, REACHED * used))
