"""Metrics over REST: the stored figures of every run."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import DatabaseDep, PageDep
from api.rules import VIEWER
from api.schemas.base import Page
from api.schemas.metrics import RunMetrics
from core import closing, progress
from core.vocabulary import Origin, Task

router = APIRouter(prefix="/metrics", tags=["runs"])


@router.get("", dependencies=[VIEWER], summary="Compare runs")
def list_metrics(
    database: DatabaseDep,
    page: PageDep,
    dataset: str | None = None,
    task: Task | None = None,
    model: str | None = None,
    job: UUID | None = None,
    origin: Origin | None = None,
) -> Page[RunMetrics]:
    """Return the figures of runs that have ended, the latest submitted first."""
    with database.read() as session:
        found = closing.page(
            session,
            after=page.after,
            limit=page.limit,
            dataset=dataset,
            task=task,
            model=model,
            job_id=job,
            origin=origin,
        )
        shown = {
            d.run.id: RunMetrics.of(d, closing.stored(session, d.run))
            for d in progress.of_runs(session, found.rows)
        }
    return Page.of(found, lambda run: shown[run.id])
