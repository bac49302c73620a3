"""How fast a job goes right now, from totals that are looked at again and again."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

WINDOW_S = 15.0
"""What "right now" is: long enough for calls of several seconds, short enough to see a stall."""
LEAST_S = 1.0
"""Below that a rate says more about when it was looked at than about the job."""


@dataclass(frozen=True)
class Totals:
    """What had been done at a moment."""

    at: float
    """Seconds of any clock that does not jump."""
    samples: int
    """With an outcome."""
    attempts: int
    tokens: int


@dataclass(frozen=True)
class Speed:
    """What was done per second or minute of late."""

    samples_per_second: float
    requests_per_minute: float
    """Calls that were begun."""
    tokens_per_minute: float


class Window:
    """The totals of the last seconds; the rates between the first and the last of them."""

    def __init__(self, seconds: float = WINDOW_S) -> None:
        self._seconds = seconds
        self._seen: deque[Totals] = deque()

    def after(self, totals: Totals) -> Speed | None:
        """Return the speed once these totals were seen; None until there is a second to tell it of.

        Totals may fall, as those of a run whose failed samples are asked about again: that is no
        speed below zero.
        """
        self._seen.append(totals)
        while len(self._seen) > 1 and totals.at - self._seen[1].at >= self._seconds:
            self._seen.popleft()
        first = self._seen[0]
        span = totals.at - first.at
        if span < LEAST_S:
            return None
        return Speed(
            samples_per_second=_rate(totals.samples - first.samples, span),
            requests_per_minute=_rate(totals.attempts - first.attempts, span / 60),
            tokens_per_minute=_rate(totals.tokens - first.tokens, span / 60),
        )


def together(speeds: Iterable[Speed | None]) -> Speed | None:
    """Return the speed of a whole from those of its parts; None if none of them is known."""
    known = [speed for speed in speeds if speed is not None]
    if not known:
        return None
    return Speed(
        samples_per_second=round(sum(speed.samples_per_second for speed in known), 2),
        requests_per_minute=round(sum(speed.requests_per_minute for speed in known), 2),
        tokens_per_minute=round(sum(speed.tokens_per_minute for speed in known), 2),
    )


def _rate(done: int, span: float) -> float:
    """Return a rate to two places: what nobody sees is no news."""
    return round(max(done, 0) / span, 2)
