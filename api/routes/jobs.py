"""Jobs over REST."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Body, Header, Query, Request, Response, status

from api.deps import DatabaseDep, NudgeDep, PageDep, PatienceDep
from api.rules import MEMBER, VIEWER
from api.schemas.base import Page
from api.schemas.budgets import BudgetChange
from api.schemas.problem import problems
from api.schemas.work import EXAMPLE, JobOut
from core import activity, batches, jobs, progress, trail
from core.activity import Activity
from core.bodies.work import BatchOut
from core.db import Database, utc_now
from core.jobs import JobFilter
from core.rules.quotes import Quote
from core.rules.states import Status
from core.rules.submissions import Submission
from core.traces import TRACEPARENT

router = APIRouter(prefix="/jobs", tags=["jobs"])

log = structlog.get_logger(__name__)

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="The same key and body make one job"),
]


@router.post(
    "",
    dependencies=[MEMBER],
    status_code=status.HTTP_202_ACCEPTED,
    summary="Submit an evaluation job",
    responses=problems(404, 409),
)
def create_job(
    body: Annotated[Submission, Body(examples=[EXAMPLE])],
    database: DatabaseDep,
    request: Request,
    response: Response,
    nudge: NudgeDep,
    patience: PatienceDep,
    idempotency_key: IdempotencyKey = None,
) -> JobOut:
    """Store the job and return at once; workers pick it up within seconds."""
    now = utc_now()
    with database.write.begin() as session:
        job = jobs.submit(
            session,
            body,
            idempotency_key=idempotency_key,
            now=now,
            traceparent=TRACEPARENT.get(),
        )
        about = {"dataset": body.dataset, "models": list(body.models)}
        if job.created_at == now:
            trail.note(session, "create_job", job.id, about, now=now)
    log.info("job submitted", job=job.id, dataset=body.dataset)
    nudge()
    response.headers["Location"] = request.app.url_path_for("get_job", job_id=job.id)
    return _shown(database, job.id, patience)


@router.post("/quote", dependencies=[VIEWER], summary="Quote a job", responses=problems(404))
def quote_job(
    body: Annotated[Submission, Body(examples=[EXAMPLE])], database: DatabaseDep
) -> Quote:
    """Say what a job would need: requests, tokens, dollars, time. Nothing is stored or sent."""
    with database.read() as session:
        return jobs.quote(session, body, now=utc_now())


@router.get("", dependencies=[VIEWER], summary="List jobs")
def list_jobs(
    database: DatabaseDep,
    page: PageDep,
    patience: PatienceDep,
    status: Status | None = None,
    dataset: Annotated[str | None, Query(max_length=64, description="By name")] = None,
    model: Annotated[str | None, Query(max_length=64, description="One of its models")] = None,
) -> Page[JobOut]:
    """Return jobs, the latest first."""
    now, wanted = utc_now(), JobFilter(status, dataset, model)
    with database.read() as session:
        found = jobs.page(session, wanted, after=page.after, limit=page.limit)
        shown = progress.of_jobs(session, found.rows, patience=patience, now=now)
        details = {d.job.id: d for d in shown}
    return Page.of(found, lambda job: JobOut.of(details[job.id], now=now))


@router.get("/{job_id}", dependencies=[VIEWER], summary="Show a job", responses=problems(404))
def get_job(job_id: UUID, database: DatabaseDep, patience: PatienceDep) -> JobOut:
    """Return a job, its runs and how far they have got."""
    return _shown(database, job_id, patience)


@router.get(
    "/{job_id}/activity",
    dependencies=[VIEWER],
    summary="Show what a job is doing",
    responses=problems(404),
)
def get_activity(job_id: UUID, database: DatabaseDep) -> Activity:
    """Return the calls a minute beside the limits, why requests exist, and what failed."""
    with database.read() as session:
        return activity.of_job(session, job_id, now=utc_now())


@router.get(
    "/{job_id}/batches",
    dependencies=[VIEWER],
    summary="List a job's batches",
    responses=problems(404),
)
def list_batches(job_id: UUID, database: DatabaseDep, page: PageDep) -> Page[BatchOut]:
    """Return the files of a job at its providers, the latest first, those that are over too."""
    with database.read() as session:
        job = jobs.get(session, job_id)
        found = batches.page(session, job.id, after=page.after, limit=page.limit)
    return Page.of(found, BatchOut.model_validate)


@router.patch(
    "/{job_id}", dependencies=[MEMBER], summary="Change a job's budget", responses=problems(404)
)
def change_job(
    job_id: UUID, body: BudgetChange, database: DatabaseDep, patience: PatienceDep
) -> JobOut:
    """Raise, lower or lift what the job may spend; what is paused stays so until it is resumed."""
    with database.write.begin() as session:
        jobs.set_budget(session, job_id, body.given())
        trail.note(session, "change_job", job_id, body.given(), now=utc_now())
    return _shown(database, job_id, patience)


@router.post(
    "/{job_id}/cancel", dependencies=[MEMBER], summary="Cancel a job", responses=problems(404, 409)
)
def cancel_job(job_id: UUID, database: DatabaseDep, patience: PatienceDep) -> JobOut:
    """End a job for good. Calls under way end and are kept; nothing new is sent."""
    now = utc_now()
    with database.write.begin() as session:
        jobs.cancel(session, job_id, now=now)
        trail.note(session, "cancel_job", job_id, now=now)
    return _shown(database, job_id, patience)


@router.post(
    "/{job_id}/pause", dependencies=[MEMBER], summary="Pause a job", responses=problems(404, 409)
)
def pause_job(job_id: UUID, database: DatabaseDep, patience: PatienceDep) -> JobOut:
    """Send nothing new until it is resumed. Calls under way end and are kept."""
    now = utc_now()
    with database.write.begin() as session:
        jobs.pause(session, job_id, now=now)
        trail.note(session, "pause_job", job_id, now=now)
    return _shown(database, job_id, patience)


@router.post(
    "/{job_id}/resume",
    dependencies=[MEMBER],
    summary="Resume a paused job",
    responses=problems(404, 409),
)
def resume_job(
    job_id: UUID, database: DatabaseDep, nudge: NudgeDep, patience: PatienceDep
) -> JobOut:
    """Go on with the runs that are paused."""
    now = utc_now()
    with database.write.begin() as session:
        jobs.resume(session, job_id, now=now)
        trail.note(session, "resume_job", job_id, now=now)
    nudge()
    return _shown(database, job_id, patience)


@router.post(
    "/{job_id}/retry",
    dependencies=[MEMBER],
    summary="Retry failed samples",
    responses=problems(404, 409),
)
def retry_job(
    job_id: UUID, database: DatabaseDep, nudge: NudgeDep, patience: PatienceDep
) -> JobOut:
    """Ask again about the samples that failed; all other outcomes stay."""
    now = utc_now()
    with database.write.begin() as session:
        jobs.retry(session, job_id, now=now)
        trail.note(session, "retry_job", job_id, now=now)
    nudge()
    return _shown(database, job_id, patience)


def _shown(database: Database, job_id: UUID, patience: timedelta) -> JobOut:
    """Return a job as it is now."""
    now = utc_now()
    with database.read() as session:
        job = jobs.get(session, job_id)
        detail = progress.of_jobs(session, [job], patience=patience, now=now)[0]
    return JobOut.of(detail, now=now)
