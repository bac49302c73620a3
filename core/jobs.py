"""Jobs: submitted, listed, paused, resumed, cancelled, retried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import budgets, canaries, runs
from core.drafts import draft
from core.errors import KeyReused, NotFound
from core.paging import Key, Slice, fetch
from core.rules.quotes import Quote
from core.rules.states import ENDED, Status, combine
from core.rules.submissions import Submission
from core.tables import Dataset, Job, Model, Run


def submit(
    session: Session,
    submission: Submission,
    *,
    idempotency_key: str | None,
    now: datetime,
    traceparent: str | None = None,
) -> Job:
    """Write a job and its runs; with a key that came before, return the job it made.

    Raises NotFound, InvalidInput, or KeyReused when the key came with another body.
    """
    body = submission.model_dump(mode="json")
    if (earlier := _made_by(session, idempotency_key)) is not None:
        return _same(earlier, body)
    job, made = draft(session, submission, now=now)
    job.idempotency_key, job.traceparent = idempotency_key, traceparent
    budgets.assign(session, job, made, submission)
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:
        # The same submission at the same moment was faster.
        if (earlier := _made_by(session, idempotency_key)) is None:
            raise
        return _same(earlier, body)
    session.add_all(made)
    session.flush()
    return job


def quote(session: Session, submission: Submission, *, now: datetime) -> Quote:
    """Return what a job would need; nothing is stored. Raises as `submit` does."""
    job, _ = draft(session, submission, now=now)
    return Quote.model_validate(job.quote)


def _made_by(session: Session, idempotency_key: str | None) -> Job | None:
    """Return the job that a key made before."""
    if idempotency_key is None:
        return None
    return session.scalar(select(Job).where(Job.idempotency_key == idempotency_key))


def _same(job: Job, body: dict[str, object]) -> Job:
    """Return the job, if it was made by the same body."""
    if job.submission != body:
        raise KeyReused(
            f"this Idempotency-Key made job {job.id} from another body; use a new key",
            job=str(job.id),
        )
    return job


def get(session: Session, job_id: UUID) -> Job:
    """Return a job. Raises NotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"no job {job_id}; GET /v1/jobs lists them")
    return job


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are wanted; what is None lets everything pass."""

    status: Status | None = None
    dataset: str | None = None
    """By name, of whatever version."""
    model: str | None = None
    """One of its models."""


def page(session: Session, wanted: JobFilter, *, after: Key | None, limit: int) -> Slice[Job]:
    """Return a page of the jobs, the latest first."""
    query = select(Job)
    if wanted.status is not None:
        query = query.where(Job.status == wanted.status)
    if wanted.dataset is not None:
        of_dataset = select(Dataset.id).where(Dataset.name == wanted.dataset)
        query = query.where(Job.dataset_id.in_(of_dataset))
    if wanted.model is not None:
        of_model = select(Run.job_id).join(Model).where(Model.name == wanted.model)
        query = query.where(Job.id.in_(of_model))
    order = (Job.created_at, Job.id)
    return fetch(session, query, order, after=after, limit=limit, newest_first=True)


def runs_of(session: Session, job_ids: Sequence[UUID]) -> list[Run]:
    """Return the runs of some jobs, in the order they were expanded."""
    found = session.scalars(
        select(Run).where(Run.job_id.in_(job_ids)).order_by(Run.created_at, Run.position)
    )
    return list(found)


def cancel(session: Session, job_id: UUID, *, now: datetime) -> Job:
    """End a job; what was answered is kept. Raises IllegalMove when it has ended."""
    return _move(session, job_id, Status.CANCELLED, "cancelled by a person", now)


def pause(session: Session, job_id: UUID, *, now: datetime) -> Job:
    """Send nothing new until it is resumed. Raises IllegalMove."""
    return _move(session, job_id, Status.PAUSED, "paused by a person", now)


def resume(session: Session, job_id: UUID, *, now: datetime) -> Job:
    """Go on with what is paused. Raises IllegalMove when nothing is."""
    return _move(session, job_id, Status.RUNNING, None, now)


def set_budget(session: Session, job_id: UUID, changed: Mapping[str, Any]) -> Job:
    """Change what a job may spend. Raises NotFound, or as `budgets.change` does."""
    job = lock(session, job_id)
    budgets.change(session, job, runs_of(session, [job.id]), changed)
    session.flush()
    return job


def retry(session: Session, job_id: UUID, *, now: datetime) -> Job:
    """Ask again about the samples that failed. Raises IllegalMove when none did."""
    job = lock(session, job_id)
    retried = [runs.retry(session, run, now=now) for run in runs_of(session, [job.id])]
    if not any(retried):
        raise runs.illegal(job.status, "retried", "none of its samples failed")
    follow(session, job.id, now=now)
    return job


def _move(session: Session, job_id: UUID, target: Status, reason: str | None, now: datetime) -> Job:
    """Move every run of a job that may move there."""
    job = lock(session, job_id)
    moved = [
        runs.move(session, run.id, target, reason=reason, now=now)
        for run in runs_of(session, [job.id])
        if target is not Status.RUNNING or run.status is Status.PAUSED
    ]
    if not any(moved):
        raise runs.illegal(job.status, target.value, None)
    follow(session, job.id, now=now)
    return job


def owner(run: Run) -> UUID:
    """Return the job that a run is of. Raises IllegalMove for a published run: nothing moves it."""
    if run.job_id is None:
        raise runs.illegal(run.status, "moved", "others published its run")
    return run.job_id


def lock(session: Session, job_id: UUID) -> Job:
    """Return a job, held until the commit against everyone else who would move its runs.

    Taken before any of its runs is moved, so that nobody waits in a circle. Without it two
    workers that close its last two runs at once would each see the other's run still running,
    and the job would never end.
    """
    job = session.scalar(
        select(Job)
        .where(Job.id == job_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return job if job is not None else get(session, job_id)


def follow(session: Session, job_id: UUID, *, now: datetime) -> None:
    """Set a job's status and times from its runs, in the transaction that moved one."""
    job = lock(session, job_id)
    session.flush()
    statuses = session.scalars(select(Run.status).where(Run.job_id == job_id)).all()
    job.status = combine(statuses)
    if job.status is not Status.QUEUED and job.started_at is None:
        job.started_at = now
    job.finished_at = (job.finished_at or now) if job.status in ENDED else None
    session.flush()


def stop(session: Session, run_id: UUID, reason: str, *, now: datetime) -> None:
    """Pause a run, and those that wait for its canary, for what only a person can remove."""
    job_id = owner(runs.get(session, run_id))
    lock(session, job_id)
    stopping = [run_id, *canaries.stopped_with(session, run_id)]
    moved = [runs.move(session, run, Status.PAUSED, reason=reason, now=now) for run in stopping]
    if any(moved):
        follow(session, job_id, now=now)


def canary_passed(session: Session, run_id: UUID, *, now: datetime) -> None:
    """Let the calls go of a run whose canary has passed, and of those that waited for it."""
    lock(session, owner(runs.get(session, run_id)))
    canaries.passed(session, run_id, now=now)
