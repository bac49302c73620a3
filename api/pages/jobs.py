"""The pages of jobs: the list, the form that quotes before it submits, one job live."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response
from pydantic import ValidationError

from api.deps import BoundsDep, NudgeDep, PageDep, PageRequest, PatienceDep, VaultDep
from api.pages import forms, trees
from api.pages.shell import PageRoute, Visitor, VisitorDep, see_other, shown_to
from api.routes import datasets, metrics, models
from api.routes import jobs as rest
from api.rules import MEMBER, VIEWER
from api.schemas.budgets import BudgetChange
from api.schemas.work import JobOut
from core import activity, jobs
from core.db import utc_now
from core.errors import DomainError, InvalidInput
from core.rules.states import ENDED, Status
from core.rules.submissions import Submission

router = APIRouter(prefix="/jobs", include_in_schema=False, route_class=PageRoute)

Word = Annotated[str, Query(max_length=64)]
Amount = Annotated[str, Form(max_length=64)]
HOLD = {"pause": rest.pause_job, "cancel": rest.cancel_job}
GO_ON = {"resume": rest.resume_job, "retry": rest.retry_job}
CHOICES = 500
"""Datasets and models that a form offers."""


@router.get("", dependencies=[VIEWER])
def show_jobs(
    who: VisitorDep,
    part: PageDep,
    patience: PatienceDep,
    status: Status | None = None,
    dataset: Word | None = None,
    model: Word | None = None,
) -> Response:
    """Show jobs with how far they have got, the latest first."""
    wanted = {"status": status, "dataset": dataset, "model": model}
    found = rest.list_jobs(who.database, part, patience, status, dataset, model)
    return shown_to(
        who,
        "jobs.html",
        jobs=found.items,
        rates={job.id: rate(job) for job in found.items},
        next_cursor=found.next_cursor,
        wanted=wanted,
        statuses=list(Status),
    )


@router.get("/new", dependencies=[VIEWER])
def new_job(who: VisitorDep) -> Response:
    """Show the form and, once it is filled in, what the job would need."""
    given = forms.read(who.request.query_params)
    quote, body, fault = None, None, None
    if given.models:
        try:
            submission = given.submission()
            quote, body = rest.quote_job(submission, who.database), submission.model_dump_json()
        except (ValidationError, DomainError) as error:
            fault = forms.told(error)
    return shown_to(
        who,
        "new_job.html",
        given=given,
        quote=quote,
        body=body,
        fault=fault,
        idempotency_key=uuid4().hex,
        **_choices(who),
    )


@router.post("", dependencies=[MEMBER])
def send_job(
    who: VisitorDep,
    nudge: NudgeDep,
    patience: PatienceDep,
    bounds: BoundsDep,
    vault: VaultDep,
    submission: Annotated[str, Form(max_length=100_000)],
    idempotency_key: Annotated[str, Form(min_length=1, max_length=255)],
) -> Response:
    """Submit the job that was quoted; sent twice it is one job."""
    try:
        body = Submission.model_validate_json(submission)
    except ValidationError as error:
        raise InvalidInput(forms.told(error)) from error
    made = rest.create_job(
        body,
        who.database,
        who.request,
        Response(),
        nudge,
        patience,
        who.caller,
        bounds,
        vault,
        idempotency_key,
    )
    return see_other(f"/jobs/{made.id}")


@router.get("/{job_id}", dependencies=[VIEWER])
def show_job(who: VisitorDep, patience: PatienceDep, job_id: UUID) -> Response:
    """Show a job as it goes."""
    job = rest.get_job(job_id, who.database, patience)
    scored = metrics.list_metrics(who.database, PageRequest(limit=200), job=job_id)
    with who.database.read() as session:
        doing = activity.of_job(session, job_id, now=utc_now())
        splits = activity.splits(session, job_id)
        has_address = jobs.get(session, job_id).webhook_url is not None
    return shown_to(
        who,
        "job.html",
        job=job,
        rate=rate(job),
        scored={each.run_id: each for each in scored.items},
        doing=doing,
        tree=trees.grown(splits),
        moves=moves(job),
        has_address=has_address,
    )


@router.post("/{job_id}/budget", dependencies=[MEMBER])
def set_budget(
    who: VisitorDep, patience: PatienceDep, job_id: UUID, usd: Amount = "", requests: Amount = ""
) -> Response:
    """Set what a job may spend; a field left empty is no bound."""
    try:
        body = BudgetChange.model_validate(
            {"budget_usd": usd or None, "budget_requests": requests or None}
        )
    except ValidationError as error:
        raise InvalidInput(forms.told(error)) from error
    rest.change_job(job_id, body, who.database, patience)
    return see_other(f"/jobs/{job_id}#budget")


@router.post("/{job_id}/{move}", dependencies=[MEMBER])
def move_job(
    who: VisitorDep, nudge: NudgeDep, patience: PatienceDep, job_id: UUID, move: str
) -> Response:
    """Pause, resume, cancel or retry a job, as its routes do."""
    hold, go_on = HOLD.get(move), GO_ON.get(move)
    if hold is not None:
        hold(job_id, who.database, patience)
    elif go_on is not None:
        go_on(job_id, who.database, nudge, patience)
    else:
        raise InvalidInput(f"a job cannot be sent to {move!r}: pause, resume, cancel or retry it")
    return see_other(f"/jobs/{job_id}")


def rate(job: JobOut) -> float | None:
    """Return the samples a minute since its first call; None before there is one."""
    ended = job.progress.samples - job.progress.pending
    if job.started_at is None or not ended:
        return None
    seconds = ((job.finished_at or utc_now()) - job.started_at).total_seconds()
    return None if seconds <= 0 else 60 * ended / seconds


def moves(job: JobOut) -> list[str]:
    """Return what may be done to a job where it stands."""
    may = {
        "pause": job.status in {Status.QUEUED, Status.RUNNING},
        "resume": any(run.status is Status.PAUSED for run in job.runs),
        "retry": job.progress.failed > 0
        and job.status in {Status.COMPLETED, Status.FAILED, Status.PAUSED},
        "cancel": job.status not in ENDED,
    }
    return [move for move, allowed in may.items() if allowed]


def _choices(who: Visitor) -> dict[str, Any]:
    """Return what the form offers: datasets that jobs can run over, models in use."""
    every = datasets.list_datasets(who.database, PageRequest(limit=CHOICES)).items
    named = models.list_models(who.database, PageRequest(limit=CHOICES)).items
    return {"datasets": every, "models": named}
