"""What keeps the queue moving when nothing else does."""

import random
from datetime import datetime

import structlog

from core import batches, closing, jobs, leases, rescue, runs
from core.db import Database

log = structlog.get_logger()

LEFTOVERS = 20_000
"""Requests of cancelled runs that one tick cleans up."""


def quiet(database: Database) -> bool:
    """Tell whether there is nothing to move; few looks, since it is asked every second."""
    with database.read() as session:
        return not (
            runs.any_open(session) or leases.has_leftovers(session) or batches.any_open(session)
        )


def tidy(database: Database, *, now: datetime) -> int:
    """Rescue requests of dead workers, close finished runs, drop what was cancelled.

    Returns how many were rescued. Looks before it writes: an idle service takes no write lock.
    """
    with database.read() as session:
        expired = rescue.has_expired(session, now=now)
        finished = runs.finished(session)
        leftovers = leases.has_leftovers(session)
    rescued = 0
    if expired:
        with database.write.begin() as session:
            rescued = rescue.rescue(session, expired_before=now, jitter=random.random(), now=now)
    if rescued:
        log.warning("requests were taken back from workers that died", requests=rescued)
    for run in finished:
        with database.write.begin() as session:
            jobs.lock(session, jobs.owner(run))
            closing.close(session, run.id, now=now)
            jobs.follow(session, jobs.owner(run), now=now)
        log.info("run ended", job=run.job_id, run=run.id)
    if leftovers:
        with database.write.begin() as session:
            leases.cancel_leftovers(session, limit=LEFTOVERS, now=now)
    return rescued
