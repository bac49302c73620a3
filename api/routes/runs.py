"""Runs over REST, with all that is under them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response, status

from api import releases
from api.deps import DatabaseDep, PageDep, PatienceDep, SettingsDep
from api.releases import BODY, ReleaseDep
from api.rules import MEMBER, VIEWER
from api.schemas.attempts import AttemptOut
from api.schemas.base import Page
from api.schemas.metrics import PublishedRun, PublishedRuns, RunMetrics
from api.schemas.problem import problems
from api.schemas.rescoring import RescoreBody, RescoreOut, ScoreOut
from api.schemas.work import PredictionOut, RequestOut, RunOut
from core import closing, progress, published, rescoring, runs, stalls, trail
from core.db import utc_now
from core.rules.states import Status
from core.vocabulary import Outcome

StatusQuery = Annotated[Status | None, Query(alias="status")]

router = APIRouter(prefix="/runs", tags=["runs"])


@router.get("", dependencies=[VIEWER], summary="List runs")
def list_runs(
    database: DatabaseDep,
    page: PageDep,
    patience: PatienceDep,
    job: UUID | None = None,
    state: StatusQuery = None,
) -> Page[RunOut]:
    """Return runs, the latest submitted first."""
    with database.read() as session:
        found = runs.page(session, job_id=job, status=state, after=page.after, limit=page.limit)
        details = {d.run.id: d for d in progress.of_runs(session, found.rows)}
        stalled = stalls.of_runs(session, found.rows, patience=patience, now=utc_now())
    return Page.of(found, lambda run: RunOut.of(details[run.id], stalled.get(run.id)))


@router.post(
    "/import",
    dependencies=[MEMBER],
    status_code=status.HTTP_201_CREATED,
    summary="Import published predictions",
    openapi_extra={"requestBody": BODY},
    responses={200: {"model": PublishedRuns, "description": "All of it was there already"}},
)
def import_runs(
    upload: ReleaseDep, database: DatabaseDep, settings: SettingsDep, response: Response
) -> PublishedRuns:
    """Import what others published, all of it or nothing, as completed runs marked `published`.

    A sample with a label and no answer was refused. The same answers again make no second run.
    """
    scratch, now = settings.data / "scratch", utc_now()
    scratch.mkdir(parents=True, exist_ok=True)
    with releases.unfolded(upload, scratch) as folder, database.write.begin() as session:
        made = published.import_all(session, folder, system=upload.model, now=now)
        trail.note(session, "import_runs", upload.model, {"runs": len(made)}, now=now)
        details = progress.of_runs(session, [each.run for each in made])
        shown = [
            PublishedRun.of(detail, closing.stored(session, detail.run), new=each.new)
            for detail, each in zip(details, made, strict=True)
        ]
    if not any(each.new for each in made):
        response.status_code = status.HTTP_200_OK
    return PublishedRuns(runs=shown)


@router.get("/{run_id}", dependencies=[VIEWER], summary="Show a run", responses=problems(404))
def get_run(run_id: UUID, database: DatabaseDep, patience: PatienceDep) -> RunOut:
    """Return a run and how far it has got."""
    with database.read() as session:
        run = runs.get(session, run_id)
        stalled = stalls.of_runs(session, [run], patience=patience, now=utc_now())
        return RunOut.of(progress.of_runs(session, [run])[0], stalled.get(run.id))


@router.get(
    "/{run_id}/metrics", dependencies=[VIEWER], summary="Score a run", responses=problems(404)
)
def get_run_metrics(run_id: UUID, database: DatabaseDep) -> RunMetrics:
    """Return the figures of a run; while it runs, over the samples that have ended."""
    with database.read() as session:
        detail = progress.of_runs(session, [runs.get(session, run_id)])[0]
        return RunMetrics.of(detail, closing.stored(session, detail.run))


@router.get(
    "/{run_id}/scores", dependencies=[VIEWER], summary="List scorings", responses=problems(404)
)
def list_scores(run_id: UUID, database: DatabaseDep, page: PageDep) -> Page[ScoreOut]:
    """Return every scoring of a run, the newest first; that is the one that holds."""
    with database.read() as session:
        run = runs.get(session, run_id)
        found = closing.versions(session, run, after=page.after, limit=page.limit)
    return Page.of(found, ScoreOut.of)


@router.post(
    "/{run_id}/rescore",
    dependencies=[MEMBER],
    summary="Score a run again",
    responses=problems(404, 409),
)
def rescore_run(
    run_id: UUID, database: DatabaseDep, body: Annotated[RescoreBody | None, Body()] = None
) -> RescoreOut:
    """Parse the stored replies of a run again and score it: at no cost, nothing is sent.

    Tells what would change; with `apply` also writes it, as a new version of the figures.
    """
    asked, now = body or RescoreBody(), utc_now()
    with database.read() as session:
        surveyed = rescoring.survey(session, run_id)
    with database.write() as session, session.begin() as transaction:
        made = rescoring.rescore(
            session, run_id, surveyed, note=asked.note, shown=asked.limit, now=now
        )
        trail.note(session, "rescore_run", run_id, {"version": made.version}, now=now)
        if not asked.apply:
            transaction.rollback()
    return RescoreOut.of(made, applied=asked.apply and made.differs)


@router.get(
    "/{run_id}/predictions",
    dependencies=[VIEWER],
    summary="List predictions",
    responses=problems(404),
)
def list_predictions(
    run_id: UUID, database: DatabaseDep, page: PageDep, outcome: Outcome | None = None
) -> Page[PredictionOut]:
    """Return what a run says of each sample, in the order of the dataset."""
    with database.read() as session:
        run = runs.get(session, run_id)
        found = runs.predictions(session, run, outcome=outcome, after=page.after, limit=page.limit)
    return Page.of(found, PredictionOut.of)


@router.get(
    "/{run_id}/requests", dependencies=[VIEWER], summary="List requests", responses=problems(404)
)
def list_requests(run_id: UUID, database: DatabaseDep, page: PageDep) -> Page[RequestOut]:
    """Return a run's requests; `parent_id` and `cause` tell why each exists."""
    with database.read() as session:
        run = runs.get(session, run_id)
        found = runs.requests(session, run, after=page.after, limit=page.limit)
    return Page.of(found, RequestOut.of)


@router.get(
    "/{run_id}/attempts", dependencies=[VIEWER], summary="List attempts", responses=problems(404)
)
def list_attempts(run_id: UUID, database: DatabaseDep, page: PageDep) -> Page[AttemptOut]:
    """Return every exchange with the provider, failed ones too."""
    with database.read() as session:
        run = runs.get(session, run_id)
        found = runs.attempts(session, run, after=page.after, limit=page.limit)
    return Page.of(found, AttemptOut.of)
