"""How a credential stands with its provider, and what restores it. Pure: `now` is an argument."""

from core.rules.limits import DAY_S
from core.rules.room import NEVER, Health

EXHAUSTED_S = 3600.0
"""Rest of an exhausted credential when the provider named none."""

LATE_S = 1.0
"""429s that come within this of the first tell of the same overrun."""

LONGEST_BACKOFF_S = 60.0

STRICT_S = 600.0
"""For so long after a 429 estimates of tokens stand: the provider may not give back what it set
aside for an answer that came out shorter."""


def backoff_s(streak: int) -> float:
    """Return the wait after so many 429s in a row whose wait the provider did not name."""
    return min(LONGEST_BACKOFF_S, 2.0 ** (min(streak, 7) - 1))


class Standing:
    """The health of a credential: until when it rests, and how often it was turned away."""

    __slots__ = ("health", "on_trial", "reason", "settled", "streak", "throttled_at", "until")

    def __init__(self) -> None:
        self.health = Health.HEALTHY
        self.until = -NEVER
        self.reason = ""
        """The provider's words."""
        self.streak = 0
        """429s in a row."""
        self.settled = 0
        self.on_trial = False
        """The quota was exhausted: after the rest, one call at a time until one is let in."""
        self.throttled_at = -NEVER

    def at(self, now: float) -> Health:
        """Return the health at a moment."""
        return self.health if self.until > now else Health.HEALTHY

    def tokens(self, estimate: int, used: int | None, now: float) -> int:
        """Return what a call counts for, of its estimate and what it used, if that is known."""
        if used is None:
            return estimate
        return max(estimate, used) if now < self.throttled_at + STRICT_S else used

    def settle(self, sent_at: float, *, good: bool) -> bool:
        """Note the end of a call, let in or not; return whether it was sent after the last rest.

        What had been reserved ahead of a 429 is sent during the rest, and says nothing new.
        """
        if sent_at < self.until:
            return False
        self.settled += 1
        self.on_trial = self.on_trial and not good
        return True

    def throttle(self, wait: float | None, reason: str, now: float) -> bool:
        """Rest after a 429; return whether it is news, not a late word of an overrun known.

        A call that is turned away may be settled before this is called: one settled call since
        the last 429 may be this one, and only a second one was surely let in.
        """
        news = now >= max(self.throttled_at + LATE_S, self.until)
        if news:
            self.streak = 1 if self.settled > 1 else self.streak + 1
            self.settled = 0
            self.throttled_at = now
        if wait or news:
            until = now + (min(wait, DAY_S) if wait else backoff_s(self.streak))
            if until > self.until:
                self.health, self.until, self.reason = Health.THROTTLED, until, reason
        return news

    def exhaust(self, wait: float | None, reason: str, now: float) -> None:
        """Rest until the quota is filled up again."""
        if self.health is not Health.REVOKED:
            until = now + (wait or EXHAUSTED_S)
            self.health, self.until, self.reason = Health.EXHAUSTED, until, reason
            self.on_trial = True

    def revoke(self, reason: str) -> None:
        """Rest until a person changes something."""
        self.health, self.until, self.reason = Health.REVOKED, NEVER, reason
