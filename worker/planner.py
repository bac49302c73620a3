"""Planning: a run's samples become requests in the queue, a chunk at a time."""

from collections.abc import Iterator
from uuid import UUID

import structlog

from core import jobs, runs
from core.db import utc_now
from core.rules.planning import portions
from worker.engine import Engine

log = structlog.get_logger()


def plan(engine: Engine, run_id: UUID) -> Iterator[int]:
    """Plan what is left of a run; yield the samples planned so far after each commit.

    Any number of planners may try: each chunk has one winner, and a loser stops.
    """
    if run_id in engine.planning:
        return
    engine.planning.add(run_id)
    try:
        with engine.database.read() as session:
            run = runs.get(session, run_id)
            ids = runs.ordered_samples(session, run)
        for at, end in portions(run.planned, run.samples, run.batch_size):
            if engine.stopping.is_set():
                return
            chunk = ids[at:end]
            with engine.database.write.begin() as session:
                jobs.lock(session, jobs.owner(run))
                if not runs.plan(session, run, chunk, at=at, now=utc_now()):
                    return
                jobs.follow(session, jobs.owner(run), now=utc_now())
            yield end
        log.info("run planned", job=run.job_id, run=run.id, samples=run.samples)
    finally:
        engine.planning.discard(run_id)
