"""Jobs in which nothing is answered, told of to whoever wants to know."""

from datetime import datetime, timedelta

from core import jobs, outbox, stalls
from worker.engine import Engine

LOOK = timedelta(seconds=5)
"""Between looks: why a job does not move takes some queries to tell."""


def tell_of_stalls(engine: Engine, *, now: datetime) -> None:
    """Tell of the jobs in which nothing was answered for a while, each standstill once.

    A process that has just started tells of nothing yet: while no worker ran nothing could move,
    and it is about to.
    """
    watch, patience = engine.watch, engine.watch.patience
    looked_at = watch.looked_at or watch.since
    if now - watch.since < patience or now - looked_at < min(LOOK, patience):
        return
    watch.looked_at = now
    with engine.database.read() as session:
        if not outbox.anyone_listens(session):
            return
        still = stalls.standing_still(session, patience=patience, now=now)
        still = {
            job_id: found
            for job_id, found in still.items()
            if outbox.wants_stall(session, jobs.get(session, job_id), found[1])
        }
    for job_id, (stall, since) in still.items():
        with engine.database.write.begin() as session:
            job = jobs.lock(session, job_id)
            if job.status in stalls.OPEN:
                outbox.stalled(session, job, stall, since, now=now)
