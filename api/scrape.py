"""What scrapers are given: one count of the database serves all that come within a moment."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Lock

from api.exposition import render
from core import census
from core.db import Database, utc_now

KEPT_S = 2.0


class Scrape:
    """The latest count, as text. One an application; for any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._text = b""
        self._until = float("-inf")

    def text(self, database: Database, patience: timedelta) -> bytes:
        """Return the count, at most two seconds old; who comes meanwhile waits for the same."""
        with self._lock:
            if self._clock() >= self._until:
                now = utc_now()
                with database.read() as session:
                    self._text = render(census.take(session, patience=patience, now=now), now)
                self._until = self._clock() + KEPT_S
            return self._text
