"""How many calls to have ready, from how fast they leave."""

import math

AHEAD_S = 0.12
"""Calls are ready for so many seconds: leasing and building take less."""

FEWEST, MOST = 2, 64

HELD_BYTES = 8_000_000
"""Of bodies that are ready at most: twenty pictures in each make sixty-four of them 50 MB."""

WEIGHT = 1 / 16
"""Of the latest body in how large bodies are."""

START_PER_S = 128.0
"""Before anything is known: enough that the first calls leave together."""

SETTLE_S = 0.5
"""In so long the rate follows what it measures."""

SHORTEST_S = 0.05
"""Over a shorter time nothing can be measured."""


class Flow:
    """The calls of one model that leave in a second, as a moving average."""

    def __init__(self) -> None:
        self._per_s = START_PER_S
        self._at = -math.inf
        self._granted = 0
        self._bytes = 1.0
        """Of a body, as a moving average."""

    def weigh(self, size: int) -> None:
        """Learn from a body of so many bytes."""
        self._bytes += (size - self._bytes) * WEIGHT

    def ahead(self, granted: int, now: float, *, dry: bool = False) -> int:
        """Return how many calls should be leased ahead of those that leave.

        `granted` counts the calls that have had room since the slice began. `dry` says that none is
        left waiting: then leasing, not room, is what holds calls back, and the rate that was
        measured is that of leasing. More are leased next, or a slow database would keep
        it slow for good.
        """
        past = now - self._at
        if dry and granted > self._granted:
            self._per_s = min(max(START_PER_S, 2 * self._per_s), MOST / AHEAD_S)
            self._at, self._granted = now, granted
            return self._many()
        if granted < self._granted or past > SETTLE_S * 10:
            # Another slice has begun, or nothing has moved for long: measure from here.
            self._at, self._granted = now, granted
        elif past >= SHORTEST_S:
            measured = (granted - self._granted) / past
            self._per_s += (measured - self._per_s) * -math.expm1(-past / SETTLE_S)
            self._at, self._granted = now, granted
        return self._many()

    def _many(self) -> int:
        """Return how many calls leave in the next moment."""
        most = min(MOST, int(HELD_BYTES / self._bytes))
        return max(FEWEST, min(most, math.ceil(self._per_s * AHEAD_S)))
