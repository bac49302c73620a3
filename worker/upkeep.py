"""What keeps the queue moving when nothing else does."""

import random
import threading
from datetime import datetime

import structlog
from sqlalchemy import bindparam, or_, select

from core import batches, closing, deliveries, jobs, leftovers, rescue, runs, sending
from core.db import Database, UtcDateTime, utc_now

log = structlog.get_logger()

LEFTOVERS = 20_000
"""Requests of cancelled runs that one tick cleans up."""


STIRS = select(
    or_(
        runs.some_open(),
        leftovers.some_left(),
        batches.some_open(),
        sending.some_due(bindparam("now", type_=UtcDateTime)),
    )
)
"""Whether there is something to move or to send; made once, which takes longer than the look."""


def quiet(database: Database, *, now: datetime) -> bool:
    """Tell whether there is nothing to move or to send; in one look, since each tick asks it."""
    with database.read() as session:
        return not session.scalar(STIRS, {"now": now})


class Upkeep:
    """Tidies for a process, in one thread at a time: each tick and each end of a slice asks."""

    def __init__(self, database: Database) -> None:
        self.rescued = 0
        """Requests taken back from workers that died."""
        self._database = database
        self._asked = False
        self._at_work = threading.Lock()

    def tidy(self) -> None:
        """Tidy up; or have the thread that does look once more when it is done."""
        self._asked = True
        while self._asked and self._at_work.acquire(blocking=False):
            try:
                self._asked = False
                self.rescued += tidy(self._database, now=utc_now())
            finally:
                self._at_work.release()


def tidy(database: Database, *, now: datetime) -> int:
    """Rescue requests of dead workers, close finished runs, drop what was cancelled or is old.

    Returns how many were rescued. Looks before it writes: an idle service takes no write lock.
    """
    with database.read() as session:
        expired = rescue.has_expired(session, now=now)
        finished = runs.finished(session)
        left_over = leftovers.any_left(session)
        old = deliveries.has_old(session, now=now)
    rescued = 0
    if expired:
        with database.write.begin() as session:
            rescued = rescue.rescue(session, expired_before=now, jitter=random.random(), now=now)
    if rescued:
        log.warning("requests were taken back from workers that died", requests=rescued)
    # Of several workers each begins with another one.
    random.shuffle(finished)
    for run in finished:
        with database.write.begin() as session:
            jobs.lock(session, jobs.owner(run))
            ended = closing.close(session, run.id, now=now)
            if ended:
                jobs.follow(session, jobs.owner(run), now=now)
        if ended:
            log.info("run ended", job=run.job_id, run=run.id)
    if left_over:
        with database.write.begin() as session:
            leftovers.cancel(session, limit=LEFTOVERS, now=now)
    if old:
        with database.write.begin() as session:
            deliveries.forget_old(session, now=now)
    return rescued
