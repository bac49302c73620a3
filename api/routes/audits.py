"""Audits over REST: a run asked again, one sample a request."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Request, Response, status

from api.deps import DatabaseDep, PatienceDep
from api.routes.jobs import IdempotencyKey
from api.rules import MEMBER
from api.schemas.problem import problems
from api.schemas.work import AuditBody, JobOut
from core import audits, progress, trail
from core.db import utc_now

router = APIRouter(prefix="/runs", tags=["runs"])


@router.post(
    "/{run_id}/audit",
    dependencies=[MEMBER],
    status_code=status.HTTP_202_ACCEPTED,
    summary="Audit the batching of a run",
    responses=problems(404, 409),
)
def audit_run(
    run_id: UUID,
    database: DatabaseDep,
    request: Request,
    response: Response,
    patience: PatienceDep,
    body: Annotated[AuditBody | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> JobOut:
    """Submit a job that asks again about a random subset of the run's samples, one a request.

    Dataset version, model, template version and condition are those of the run. When the job has
    completed, `GET /v1/analyses/position?run=` with both runs compares them sample by sample.
    """
    asked, now = body or AuditBody(), utc_now()
    with database.write.begin() as session:
        job = audits.audit(
            session,
            run_id,
            samples=asked.samples,
            seed=asked.seed,
            idempotency_key=idempotency_key,
            now=now,
        )
        if job.created_at == now:
            trail.note(session, "audit_run", run_id, {"job": str(job.id)}, now=now)
        detail = progress.of_jobs(session, [job], patience=patience, now=now)[0]
        shown = JobOut.of(detail, now=now)
    response.headers["Location"] = request.app.url_path_for("get_job", job_id=job.id)
    return shown
