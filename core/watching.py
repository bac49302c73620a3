"""What live streams tell of jobs: read again and again, so every query here is an indexed one."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, load_only

from core import jobs, progress
from core.progress import JobDetail
from core.tables import Attempt, Job

LATEST = 20
"""Errors of a job that are shown."""
UNDER_WAY = 50
"""Jobs that a stream of all jobs follows: the latest."""

SHOWN = (
    Attempt.id,
    Attempt.run_id,
    Attempt.request_id,
    Attempt.result,
    Attempt.status,
    Attempt.reason,
    Attempt.finished_at,
)


def job(session: Session, job_id: UUID, *, patience: timedelta, now: datetime) -> JobDetail:
    """Return a job and its runs. Raises NotFound."""
    found = [jobs.get(session, job_id)]
    return progress.of_jobs(session, found, patience=patience, now=now)[0]


def errors(
    session: Session, run_ids: Sequence[UUID], *, floor: int = 0, limit: int = LATEST
) -> list[Attempt]:
    """Return the latest attempts of some runs that were no answer, the newest first.

    Those up to the id `floor` are known already. Whoever gives the id of the last of a full list
    has the same list as without it, at a price that does not grow with the errors before.
    """
    query = (
        select(Attempt)
        .where(Attempt.run_id.in_(run_ids), Attempt.reason.is_not(None), Attempt.id >= floor)
        .order_by(Attempt.id.desc())
        .limit(limit)
        .options(load_only(*SHOWN))
    )
    return list(session.scalars(query))


def under_way(
    session: Session,
    followed: Collection[UUID] = (),
    *,
    patience: timedelta,
    now: datetime,
    limit: int = UNDER_WAY,
) -> list[JobDetail]:
    """Return the latest jobs that have not ended, and those of `followed` that have."""
    query = select(Job).order_by(Job.created_at.desc(), Job.id.desc())
    moving = session.scalars(query.where(Job.finished_at.is_(None)).limit(limit)).all()
    gone = set(followed) - {job.id for job in moving}
    ended = session.scalars(query.where(Job.id.in_(gone), Job.finished_at.is_not(None))).all()
    return progress.of_jobs(session, [*moving, *ended], patience=patience, now=now)
