"""What is kept only so long: raw answers, prepared media, and media that no dataset names.

Any number of workers may do it at once: each step finds what is left to do.
"""

import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from itertools import chain

import structlog

from core import retention
from core.db import Database
from core.media.store import MediaStore
from core.rules.retention import hour_of, oldest_kept
from core.settings import Settings

log = structlog.get_logger()

LOOK_S = 60.0
"""Between looks for raw answers that may go, once none was left."""
STEP_S = 0.2
"""How long one tick may drop raw answers: others wait for the database too."""
SWEEP_S = 3600.0
"""Between looks through the prepared media."""
ORPHANS_S = 86_400.0
"""Between looks for media that no dataset names: all samples are read for it."""
GB = 10**9


class Retention:
    """What a worker process lets go, and when it looks again."""

    def __init__(self, settings: Settings, database: Database, store: MediaStore) -> None:
        self._settings, self._database, self._store = settings, database, store
        self._busy = threading.Lock()
        self._look_at = 0.0
        self._sweep_at = 0.0
        self._orphans_at = 0.0

    def step(self, *, now: datetime, clock: float | None = None) -> None:
        """Let go a little of what may go; at once when nothing is to be let go, or another does."""
        clock = time.monotonic() if clock is None else clock
        if not self._busy.acquire(blocking=False):
            return
        try:
            if self._settings.keep_raw_days is not None and clock >= self._look_at:
                self._drop_raw(timedelta(days=self._settings.keep_raw_days), now, clock)
            if self._bounded and clock >= self._sweep_at:
                self._sweep_at = clock + SWEEP_S
                self._sweep(now)
            if self._settings.orphan_days is not None and clock >= self._orphans_at:
                self._orphans_at = clock + ORPHANS_S
                self._remove_orphans((now - timedelta(days=self._settings.orphan_days)).timestamp())
        finally:
            self._busy.release()

    @property
    def _bounded(self) -> bool:
        given = self._settings
        return given.prepared_days is not None or given.prepared_gb is not None

    def _drop_raw(self, kept: timedelta, now: datetime, clock: float) -> None:
        """Drop raw answers for a moment; what is left is for the next tick."""
        until, before = time.monotonic() + STEP_S, now - kept
        while time.monotonic() < until:
            with self._database.read() as session:
                run_id = retention.next_run(session, ended_before=before)
            if run_id is None:
                self._look_at = clock + LOOK_S
                return
            with self._database.write.begin() as session:
                seen = retention.drop(session, run_id, ended_before=before, now=now)
            log.info("raw answers were dropped", run=str(run_id), attempts=seen)

    def _sweep(self, now: datetime) -> None:
        """Remove prepared media that are too old, or more than there is room for."""
        sizes: Counter[int] = Counter()
        for file in self._store.prepared():
            sizes[hour_of(file.at)] += file.size
        room = self._settings.prepared_gb
        first = oldest_kept(
            sizes,
            now=now.timestamp(),
            days=self._settings.prepared_days,
            most_bytes=None if room is None else room * GB,
        )
        if all(hour >= first for hour in sizes):
            return
        gone = 0
        for file in self._store.prepared():
            if hour_of(file.at) < first:
                self._store.remove_prepared(file.key)
                gone += 1
        log.info("prepared media were removed", files=gone)

    def _remove_orphans(self, before: float) -> None:
        """Remove media that no dataset names and that nobody has put since a moment.

        An import puts its media before it names them: it has a day for it at the least.
        """
        old = (file for file in self._store.media() if file.at < before)
        first = next(old, None)
        if first is None:
            return
        with self._database.read() as session:
            named = retention.NamedMedia(session)
        gone, size = 0, 0
        for file in chain([first], old):
            if file.key not in named and self._store.remove_old(file.key, before=before):
                gone, size = gone + 1, size + file.size
        log.info("media that no dataset names were removed", files=gone, bytes=size)
