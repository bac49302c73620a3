"""What was sent to the address that a job names."""

from uuid import UUID

from fastapi import APIRouter, status

from api.deps import DatabaseDep, NudgeDep, PageDep
from api.rules import MEMBER
from api.schemas.base import Page
from api.schemas.problem import problems
from core import deliveries, jobs, trail
from core.bodies.webhooks import DeliveryBody
from core.db import utc_now

router = APIRouter(prefix="/jobs/{job_id}/deliveries", tags=["webhooks"])


@router.get(
    "",
    dependencies=[MEMBER],
    summary="List deliveries to a job's webhook_url",
    responses=problems(404),
)
def list_job_deliveries(job_id: UUID, database: DatabaseDep, page: PageDep) -> Page[DeliveryBody]:
    """Return what was sent, with each try and its answer, the latest first; for 30 days."""
    with database.read() as session:
        job = jobs.get(session, job_id)
        found = deliveries.page(session, job_id=job.id, after=page.after, limit=page.limit)
        shown = deliveries.shown(session, found.rows)
    return Page.of(found, lambda delivery: shown[delivery.id])


@router.post(
    "/{delivery_id}/redeliver",
    dependencies=[MEMBER],
    status_code=status.HTTP_202_ACCEPTED,
    summary="Send a delivery of a job again",
    responses=problems(404, 409),
)
def redeliver_of_job(
    job_id: UUID, delivery_id: UUID, database: DatabaseDep, nudge: NudgeDep
) -> DeliveryBody:
    """Send a delivery once more, under the same id; one that waits for its next try goes now."""
    now = utc_now()
    with database.write.begin() as session:
        job = jobs.get(session, job_id)
        found = deliveries.redeliver(session, delivery_id, job_id=job.id, now=now)
        trail.note(session, "redeliver_of_job", delivery_id, now=now)
        shown = deliveries.shown(session, [found])[found.id]
    nudge()
    return shown
