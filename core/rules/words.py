"""What the provider says remains of a limit, and how much of that is sure.

Moments are seconds of any clock that never goes back. `lua/gates.lua` of the limiter says the same
once more, for Redis: a change here is a change there.
"""

from typing import NamedTuple

from core.rules.headers import Seen
from core.rules.limits import FULL, MARGIN_S

TRANSIT_S = 0.25
"""A call that was let go so long ago has arrived."""


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


class Word:
    """What the provider said of one limit: it may excuse a log that is full.

    What remained is still there until it is used, however the provider counts: windows slide,
    begin anew or refill, and none of that takes away. And when the reset that it named has come
    there is room for one more at least, whose reply tells of the rest.
    """

    __slots__ = (
        "earlier",
        "good_until",
        "just",
        "lowest",
        "resets_at",
        "sent",
        "shifted",
        "since",
        "sure",
    )

    def __init__(self) -> None:
        self.sure = 0.0
        """What remained for certain, less what was granted since."""
        self.good_until = -FULL
        """How long that is believed: others may use the credential too."""
        self.resets_at = FULL
        self.lowest = FULL
        """The least that a reply named since nothing was under way."""
        self.just = self.earlier = FULL
        """The least that one named since `shifted`, and from `since` until then."""
        self.shifted = self.since = -FULL
        self.sent = -FULL
        """When the latest sent of the calls that are over was."""

    def begin(self) -> None:
        """Note that a call goes while none is under way."""
        self.lowest = FULL

    def end(self, now: float, remaining: int | None, *, sent: float, flying: int) -> None:
        """Note what the reply to a call says remains, while so much is still under way.

        Of the calls that are over, one was the last to be counted. Its reply named what it left,
        and came after the latest of them was sent: the least that was named since is no more than
        that, or nothing where one named nothing. Only what is under way can have been counted
        after it.
        """
        self.sent = max(self.sent, sent)
        if now >= self.shifted + TRANSIT_S:
            quiet = now >= self.shifted + 2 * TRANSIT_S
            self.earlier = FULL if quiet else self.just
            self.since = now - TRANSIT_S if quiet else self.shifted
            self.just, self.shifted = FULL, now
        named = -FULL if remaining is None else remaining
        self.just, self.lowest = min(self.just, named), min(self.lowest, named)
        lately = min(self.just, self.earlier) if self.sent >= self.since else -FULL
        self.sure = max(self.sure, max(self.lowest, lately) - flying)

    def hear(self, now: float, seen: Seen, call: Counted, lasts: float) -> None:
        """Take note of what a reply says, to be believed for so many seconds.

        Each reply proves a bound, and the best one stands, unless the newest says that less is
        left. What was sent since may be counted in that or not: a provider may say what remained
        when the call came, or when it answered.
        """
        if seen.reset_s is not None:
            self.resets_at = now + seen.reset_s + MARGIN_S
        if seen.remaining is not None:
            proven = self.sure if now <= self.good_until else -FULL
            left = seen.remaining - call.after - call.ahead
            self.sure = min(seen.remaining, max(proven, left))
            self.good_until = now + lasts

    def excuses(self, now: float, amount: float, *, alone: bool) -> float | None:
        """Return from when on an amount may go though the log is full; None: who knows.

        `alone` says that nothing is under way: after a reset one goes ahead, and the others wait
        for what its reply says.
        """
        if self.sure >= amount and now <= self.good_until:
            return now
        return max(now, self.resets_at) if alone and self.resets_at < FULL else None
