"""How much may go at once, for what the provider says remains.

Moments are seconds of any clock that never goes back. `lua/gates.lua` of the limiter says the same
once more, for Redis: a change here is a change there.
"""

from collections.abc import Iterable

from core.rules.headers import Seen
from core.rules.limits import EPSILON, FRESH_S, FULL, MINUTE_S
from core.rules.words import TRANSIT_S, Counted, Word

EVIDENCE = 5
"""Replies in a row that must fit a bucket before the limit is taken for one."""

WHOLE = 0.9
"""The share of a limit that must have remained at some time for all of it to go at once."""

SLACK_S = 0.5
"""What a bucket refills in this time stays in it: calls do not arrive as evenly as they leave."""


class Gate(Word):
    """How much may go at once: a level that refills evenly, up to a ceiling.

    The ceiling is the most that the provider said remained. While it says nothing the ceiling is
    one request, or a second's worth of tokens: even pacing. The level is a line through (`at`,
    `level`); after something was reserved ahead `at` lies in the future, and the line runs back
    from there. A limit whose resets are, reply after reply, the time that what is missing takes to
    refill is a bucket: then the level alone decides, and the log of the last minute does not.
    """

    __slots__ = (
        "agreed",
        "at",
        "before",
        "hold",
        "lately",
        "left",
        "level",
        "most",
        "newest",
        "told",
        "trust",
        "turned",
        "whole",
        "widest",
    )

    def __init__(self) -> None:
        super().__init__()
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
        self.agreed = 0
        """Replies in a row that fit a bucket."""
        self.left = 0.0
        """What the last reply said remains, less what was let go since, or shortly before."""
        self.turned = -FULL
        self.lately = self.before = 0.0
        """What was let go since `turned`, and in the time before that."""
        self.widest = 0
        """The most that ever remained, since the provider was last wrong."""
        self.whole = False
        """Whether all of the limit may go at once, as far as was told."""

    def opens(self, now: float, amount: float, rate: float, burst: float) -> float:
        """Return the first moment at which an amount may go.

        That is at once where all of the limit may go at once, and so much surely remains; or, in a
        window, if the last reply left so much: how a window empties the log knows, not the level.
        A bucket with less in it is not drained: its resets would be taken for those of a window.
        """
        if self.whole and now <= self.told + FRESH_S:
            left = self.sure if self.agreed >= EVIDENCE else max(self.sure, self.left)
            if left >= amount:
                return now
        ceiling, need = self._bounds(now, amount, rate, burst)
        level = self._level(now, rate, ceiling)
        short = need - level
        opens = now if short <= EPSILON else now + short / rate
        return max(opens, self.hold)

    def take(self, moment: float, now: float, amount: float, rate: float, burst: float) -> None:
        """Let an amount go at a moment, which may lie ahead."""
        ceiling, _ = self._bounds(now, amount, rate, burst)
        level = self._level(now, rate, ceiling) + rate * (moment - now)
        self.level, self.at = min(level, ceiling) - amount, moment
        self.sure -= amount
        self.left -= amount
        self._turn(now)
        self.lately += amount

    def give(self, amount: float) -> None:
        """Put an amount back, or, below 0, take more."""
        self.level += amount

    def refills(self, now: float) -> bool:
        """Tell whether the provider is known to keep a bucket."""
        return self.agreed >= EVIDENCE and now <= self.told + FRESH_S

    def excuses(self, now: float, amount: float, *, alone: bool) -> float | None:
        """See `Word.excuses`; a bucket needs no log at all."""
        return now if self.refills(now) else super().excuses(now, amount, alone=alone)

    def fresh(self, now: float) -> bool:
        """Tell whether the provider lately said what remains."""
        return now <= self.told + FRESH_S

    def learn(
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
            self.hear(now, seen, call, FRESH_S)
            self._compare(seen)
            ceiling = max(seen.remaining, burst)
            ceiling = ceiling if limit is None else min(ceiling, limit)
            self.most = max(self.most, ceiling) if self.fresh(now) else ceiling
            self._turn(now)
            # A provider may say what remained when the call came: what came since is not in that,
            # but if the reply was quick, it was all let go lately.
            quick = call.age <= TRANSIT_S
            self.told = now
            self.left = seen.remaining - self.lately - self.before if quick else 0.0
            self.widest = max(self.widest, seen.remaining)
            whole = limit is not None and self.widest >= WHOLE * limit
            self.whole = whole and seen.limit == limit
            # What refills until the last of them leaves may be lost: the bucket may be full.
            unsent = rate * max(0.0, self.at - now)
            level = max(min(level, self.most), seen.remaining - call.after - call.ahead - unsent)
        # Without a log to hold it back, the level counts no refill that it cannot be sure of.
        refilled = 0.0 if self.refills(now) else rate * call.age
        self.level = min(level, seen.remaining - call.after + refilled)
        self.at = now
        self.hold = -FULL
        if seen.remaining < call.amount and seen.reset_s is not None:
            full = max(burst, self.most if limit is None else limit)
            # The most that remained was named after a call had been counted.
            sizes = full, max(self.most, 1.0), self.most + call.amount
            self._hold_for(now, seen.remaining, seen.reset_s, sizes, rate)

    def distrust(self, now: float) -> None:
        """Pace evenly for a while, whatever the provider says remains: it was wrong."""
        self.told, self.trust, self.good_until = -FULL, now + FRESH_S, -FULL
        self.agreed, self.widest = 0, 0

    def _turn(self, now: float) -> None:
        """Forget what was let go so long ago that it has arrived, unless some is still to leave."""
        if now >= self.turned + TRANSIT_S and now >= self.at:
            self.before = self.lately if now < self.turned + 2 * TRANSIT_S else 0.0
            self.turned, self.lately = now, 0.0

    def _compare(self, seen: Seen) -> None:
        """Weigh whether a reply speaks of a bucket: its reset is the time to be full again.

        More than half empty, it tells little: a window that was filled at once resets then too.
        """
        if not seen.limit or seen.remaining is None or seen.reset_s is None:
            return
        missing = seen.limit - seen.remaining
        takes = missing * MINUTE_S / seen.limit
        if abs(seen.reset_s - takes) > 0.01 + 0.02 * takes + MINUTE_S / seen.limit:
            self.agreed = 0
        elif 0 < missing <= seen.limit / 2 or self.agreed >= EVIDENCE:
            self.agreed += 1

    def _hold_for(
        self, now: float, remaining: int, reset: float, sizes: Iterable[float], rate: float
    ) -> None:
        """Wait for the reset, unless a bucket of one of these sizes will be full again then."""
        for full in sizes:
            until_full = (full - remaining) / rate
            if 0.8 * until_full <= reset <= 1.25 * until_full:
                return
        self.hold = now + min(reset, MINUTE_S)

    def _bounds(self, now: float, amount: float, rate: float, burst: float) -> tuple[float, float]:
        """Return the ceiling, and the level an amount needs: once told, all of the amount."""
        if now > self.told + FRESH_S:
            return burst, min(amount, burst)
        most = max(self.most, amount)
        if self.agreed < EVIDENCE:
            return most, amount
        return most, min(most, amount + min(SLACK_S * rate, most / 2))

    def _level(self, now: float, rate: float, ceiling: float) -> float:
        level = self.level + rate * (now - self.at)
        return min(ceiling, level)
