"""The last gate before a provider: no more calls are at it at once than it takes.

An attempt is written before its call leaves. To wait for that with one of the provider's places in
hand leaves the place empty for as long: at a server that answers in 50 ms, a quarter of the time.
So some calls are given room ahead of their place, as many as end while an attempt is written, and
wait here with their attempts written.
"""

import asyncio
import math
import sys
from collections import deque

WRITE_S = 0.03
"""So long it takes about to write an attempt on a busy machine."""

LONGEST_S = 0.5
"""A call that waits longer does not leave: its job may have been stopped meanwhile."""

UNBOUNDED = sys.maxsize

WEIGHT = 1 / 16
"""Of the latest call in how long calls last."""


class Gate:
    """The calls of one model that are at its provider. It belongs to a loop."""

    def __init__(self) -> None:
        self._inside = 0
        self._places = UNBOUNDED
        self._lasts_s = math.inf
        """How long calls last, as a moving average; infinite where nobody knows."""
        self._line: deque[asyncio.Future[bool]] = deque()

    @property
    def taken(self) -> int | None:
        """Return how many calls are at the provider; None where places are not counted here."""
        return None if self._places == UNBOUNDED else self._inside

    def ahead(self, places: int | None) -> int:
        """Return how many calls may have room before one of so many places is free for them.

        None does while it is not known how soon one will be, or where places are not counted here.
        """
        return 0 if places is None else min(places // 2, int(places * WRITE_S / self._lasts_s))

    async def enter(self, places: int | None) -> bool:
        """Wait for one of so many places, in turn; tell whether it came soon enough."""
        self._places = UNBOUNDED if places is None else places
        if self._inside < self._places and not self._line:
            self._inside += 1
            return True
        loop = asyncio.get_running_loop()
        place: asyncio.Future[bool] = loop.create_future()
        self._line.append(place)
        late = loop.call_later(LONGEST_S, self._turn_away, place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():
                self._free()
            raise
        finally:
            late.cancel()

    def leave(self, lasted_s: float) -> None:
        """Free the place of a call that is over."""
        known = self._lasts_s < math.inf
        self._lasts_s = self._lasts_s + (lasted_s - self._lasts_s) * WEIGHT if known else lasted_s
        self._free()

    def _free(self) -> None:
        """Give a place to the next in line."""
        self._inside -= 1
        while self._line and self._inside < self._places:
            place = self._line.popleft()
            if not place.done():
                place.set_result(True)
                self._inside += 1

    def _turn_away(self, place: "asyncio.Future[bool]") -> None:
        """Have one wait no longer; calls do not end as they did."""
        if not place.done():
            place.set_result(False)
            self._lasts_s = math.inf
